/** Draws commands for the model test: each with what the model says about it. */

import type { Prng } from "../../../base/index.ts";
import { isClientWrite } from "../../client-writes.ts";
import type { Model } from "../model/model.ts";
import {
  acknowledgeDiscard,
  acknowledgeUnlink,
  beginBlobDelete,
  dropCopies,
  recordCopies,
  rehomeBlobs,
  reportLost,
} from "./blobs.ts";
import { configureBucket, createDrawnBucket, deleteBucket, setVersioning } from "./buckets.ts";
import { changeObject } from "./changes.ts";
import { acknowledgeMaintenance, changeIdentities, putCursor, setMaintenance } from "./cluster.ts";
import type { DrawnCommand, Draws } from "./draws.ts";
import { expireObjects } from "./expirations.ts";
import { commitObject, copyObject, deleteObjects, renameObject } from "./objects.ts";
import { removeRingVersion, rewrap, rotateRing } from "./rings.ts";
import { abortUpload, commitPart, completeUpload, copyPart, createUpload } from "./uploads.ts";

/** Each with its weight. */
const KINDS: readonly (readonly [number, (draws: Draws) => DrawnCommand])[] = [
  [3, createDrawnBucket],
  [1, deleteBucket],
  [3, configureBucket],
  [1, setVersioning],
  [12, commitObject],
  [6, deleteObjects],
  [6, expireObjects],
  [8, changeObject],
  [3, putCursor],
  [6, copyObject],
  [5, renameObject],
  [4, createUpload],
  [8, commitPart],
  [4, copyPart],
  [5, completeUpload],
  [1, abortUpload],
  [5, beginBlobDelete],
  [6, acknowledgeUnlink],
  [5, recordCopies],
  [4, reportLost],
  [3, rehomeBlobs],
  [5, dropCopies],
  [5, acknowledgeDiscard],
  [4, changeIdentities],
  [4, setMaintenance],
  [3, acknowledgeMaintenance],
  [5, rotateRing],
  [3, removeRingVersion],
  [6, rewrap],
];

export class CommandDrawer {
  readonly #draws: Draws;
  #nextId = 1;

  constructor(prng: Prng, model: Model) {
    this.#draws = { prng, model, nextId: () => this.#nextId++ };
  }

  /** While the cluster is quiesced, whatever a client wants to change is refused. */
  draw(): DrawnCommand {
    const { model } = this.#draws;
    const { body, expected } = this.#draw();
    const isRefused = () => model.cluster.maintenance.state === "quiesced" && isClientWrite(body.case);
    return { body, expected: () => (isRefused() ? "MAINTENANCE" : expected()) };
  }

  #draw(): DrawnCommand {
    const draws = this.#draws;
    const { prng, model } = draws;
    if (model.cluster.maintenance.state === "quiesced" && prng.chance(0.15)) return setMaintenance(draws);
    let at = prng.below(KINDS.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, draw] of KINDS) {
      if (at < weight) return draw(draws);
      at -= weight;
    }
    throw new Error("the weights add up");
  }
}

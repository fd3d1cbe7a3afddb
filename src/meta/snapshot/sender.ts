/**
 * Sends the state to a peer that is too far behind: a header with the Raft message that the peer will step, all rows in key order from a view
 * of the store at a known applied index, and a trailer with their hash. When the stream breaks, the view is kept for a while, so that the next
 * attempt goes on where the peer stands.
 */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { assert, compareKeys, toHex } from "../../base/index.ts";
import { type AppliedRow, AppliedRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import {
  type SendRequest,
  SendRequestSchema,
  type SnapshotHeader,
  SnapshotHeaderSchema,
} from "../../gen/skerry/meta/v1/snapshot_pb.js";
import { MessageType } from "../../gen/skerry/raft/v1/raft_pb.js";
import {
  type Hasher,
  type PeerConnection,
  type StoreRow,
  type StoreSnapshot,
  StreamFailure,
  type Timer,
  type Timers,
} from "../../platform/index.ts";
import { APPLIED_KEY } from "../keys.ts";
import type { LiveStore } from "../live-store.ts";
import type { SnapshotSource } from "../machine.ts";
import type { SnapshotMark } from "../ports.ts";
import { MAX_SNAPSHOT_MESSAGE_BYTES, SNAPSHOT_METHOD, SNAPSHOT_VERSION } from "./protocol.ts";
import { rowBatches } from "./row-batches.ts";
import { RowDigest } from "./row-digest.ts";
import { SendDialog } from "./send-dialog.ts";

/** Peers to which snapshots are sent at once. */
const MAX_SENDS = 2;
/** How long a view is kept for another attempt after a stream broke. */
const KEEP_VIEW_MS = 5 * 60 * 1000;

export interface SnapshotSenderOptions {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly groupId: number;
  readonly store: LiveStore;
  readonly hasher: Hasher;
  readonly timers: Timers;
  /** A connection of the class "snapshot"; undefined: no address of this node is known. */
  readonly connect: (nodeId: number) => PeerConnection | undefined;
  /** Resolves once everything up to this index is applied here. */
  readonly waitForApplied: (index: number) => Promise<void>;
}

/** A view of the store at one applied index. */
interface KeptView {
  readonly snapshot: StoreSnapshot;
  readonly applied: AppliedRow;
  isInUse: boolean;
  /** The state that it is of is no more the live one. */
  isOutdated: boolean;
  expiry: Timer | undefined;
}

export class SnapshotSender implements SnapshotSource {
  readonly #options: SnapshotSenderOptions;
  /** By peer. */
  readonly #views = new Map<number, KeptView>();

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
  }

  /** Resolves when the peer has verified the snapshot and its core has decided on it; rejects with StreamFailure otherwise. */
  async send(to: number, mark: SnapshotMark, term: number): Promise<void> {
    const connection = this.#options.connect(to);
    if (connection === undefined) throw new StreamFailure("unavailable", `no address of node ${to} is known`);
    await this.#options.waitForApplied(mark.index);
    const view = await this.#takeView(to, mark.index);
    try {
      await this.#stream(connection, view, this.#header(view, to, term));
    } catch (error) {
      if (view.isOutdated) await this.#giveUp(to, view);
      else this.#keep(to, view);
      throw error;
    }
    await this.#giveUp(to, view);
  }

  /** Gives up the views that are kept for another attempt, and keeps none of those that are in use: they would hold a state that is no more. */
  async close(): Promise<void> {
    for (const [to, view] of [...this.#views]) {
      view.isOutdated = true;
      if (!view.isInUse) await this.#giveUp(to, view);
    }
  }

  async #takeView(to: number, index: number): Promise<KeptView> {
    const kept = this.#views.get(to);
    if (kept?.isInUse === true)
      throw new StreamFailure("aborted", "a snapshot is on its way to this node already");
    const active = [...this.#views.values()].filter((view) => view.isInUse).length;
    if (active >= MAX_SENDS) throw new StreamFailure("resource_exhausted", "other snapshots are being sent");
    if (kept !== undefined && Number(kept.applied.index) >= index) {
      kept.expiry?.cancel();
      kept.isInUse = true;
      return kept;
    }
    // In the map before anything is awaited: a second call must see it.
    const view = this.#newView();
    this.#views.set(to, view);
    await kept?.snapshot.close();
    return view;
  }

  #newView(): KeptView {
    const snapshot = this.#options.store.snapshot();
    const bytes = snapshot.get(APPLIED_KEY);
    assert(bytes !== undefined, "a state that is sent has an applied index");
    return {
      snapshot,
      applied: fromBinary(AppliedRowSchema, bytes),
      isInUse: true,
      isOutdated: false,
      expiry: undefined,
    };
  }

  #keep(to: number, view: KeptView): void {
    view.isInUse = false;
    view.expiry = this.#options.timers.after(KEEP_VIEW_MS, () => void this.#giveUp(to, view));
  }

  async #giveUp(to: number, view: KeptView): Promise<void> {
    view.expiry?.cancel();
    if (this.#views.get(to) === view) this.#views.delete(to);
    await view.snapshot.close();
  }

  /**
   * The message says where the rows really stand, which may be further than the core asked for. Replicas have the same rows at the same index,
   * so the snapshot's id does not name its sender: another leader can go on with it.
   */
  #header(view: KeptView, to: number, term: number): SnapshotHeader {
    const { applied } = view;
    return create(SnapshotHeaderSchema, {
      version: SNAPSHOT_VERSION,
      clusterId: this.#options.clusterId,
      groupId: this.#options.groupId,
      message: {
        type: MessageType.SNAP,
        to: BigInt(to),
        from: BigInt(this.#options.nodeId),
        term: BigInt(term),
        snapshot: {
          index: applied.index,
          term: applied.term,
          confState: {
            voters: applied.voters,
            learners: applied.learners,
            votersOutgoing: applied.votersOutgoing,
            learnersNext: applied.learnersNext,
            autoLeave: applied.autoLeave,
          },
          snapshotId: `${applied.index}-${applied.term}-${toHex(applied.stateHash)}`,
        },
      },
    });
  }

  async #stream(connection: PeerConnection, view: KeptView, header: SnapshotHeader): Promise<void> {
    const stream = connection.openStream(SNAPSHOT_METHOD, {
      kind: "stream",
      maxMessageBytes: MAX_SNAPSHOT_MESSAGE_BYTES,
    });
    const dialog = new SendDialog(stream, this.#options.timers);
    try {
      await dialog.send(encode({ case: "header", value: header }));
      const { resumeAfterKey } = await dialog.receive();
      const after = new TextDecoder().decode(resumeAfterKey);
      const digest = await this.#sendRows(dialog, view, after);
      await dialog.send(
        encode({ case: "trailer", value: { $typeName: "skerry.meta.v1.SnapshotTrailer", ...digest } }),
      );
      const answer = await dialog.receive();
      if (!answer.installed)
        throw new StreamFailure("failed_precondition", answer.errorMessage || "not installed");
      dialog.end();
    } catch (error) {
      dialog.fail("the snapshot could not be sent");
      throw error;
    }
  }

  /** Everything is hashed; what the peer has already is not sent. */
  async #sendRows(
    dialog: SendDialog,
    view: KeptView,
    after: string,
  ): Promise<{ readonly rowCount: bigint; readonly blake3: Uint8Array }> {
    const digest = new RowDigest(this.#options.hasher);
    try {
      for await (const rows of rowBatches(view.snapshot)) {
        await digest.add(rows);
        const missing = after === "" ? rows : rows.filter(({ key }) => compareKeys(key, after) > 0);
        if (missing.length > 0) await dialog.send(encodeRows(missing));
      }
    } catch (error) {
      digest.abandon();
      throw error;
    }
    const { rowCount } = digest;
    return { rowCount, blake3: await digest.finish() };
  }
}

function encode(part: SendRequest["part"]): Uint8Array {
  return toBinary(SendRequestSchema, create(SendRequestSchema, { part }));
}

function encodeRows(rows: readonly StoreRow[]): Uint8Array {
  const encoder = new TextEncoder();
  const value = {
    $typeName: "skerry.meta.v1.SnapshotRows" as const,
    rows: rows.map((row) => ({
      $typeName: "skerry.meta.v1.SnapshotRow" as const,
      key: encoder.encode(row.key),
      value: row.value,
    })),
  };
  return encode({ case: "rows", value });
}

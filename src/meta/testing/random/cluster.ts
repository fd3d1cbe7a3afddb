/** Draws what is done to the cluster as a whole: maintenance, identities, a worker's cursor. */

import { create } from "@bufbuild/protobuf";
import {
  AcknowledgeMaintenanceSchema,
  ChangeIdentitiesSchema,
  PutWorkerCursorSchema,
  SetMaintenanceSchema,
} from "../../../gen/skerry/meta/v1/commands_pb.js";
import { WorkerCursorRow_Worker } from "../../../gen/skerry/meta/v1/rows_pb.js";
import { id } from "../commands.ts";
import type { DrawnCommand, Draws } from "./draws.ts";

const IDENTITIES = ["i/a", "i/b", "i/c"];

/** Mostly off, and not for long on, so that most of a run changes something. */
export function setMaintenance({ prng, model }: Draws): DrawnCommand {
  const on = prng.chance(model.cluster.maintenance.state === "off" ? 0.5 : 0.1);
  const epoch = model.cluster.maintenance.epoch + (prng.chance(0.1) ? 1 : 0);
  const nodes = prng.shuffle([1, 2]).slice(0, prng.between(0, 2));
  const force = prng.chance(0.2);
  const value = create(SetMaintenanceSchema, {
    expectedEpoch: BigInt(epoch),
    on,
    force,
    nodeIds: nodes.map(BigInt),
  });
  return {
    body: { case: "setMaintenance", value },
    expected: () => model.cluster.setMaintenance(epoch, on, force ? [] : nodes),
  };
}

export function acknowledgeMaintenance({ prng, model }: Draws): DrawnCommand {
  const nodeId = prng.between(1, 2);
  const epoch = model.cluster.maintenance.epoch - (prng.chance(0.1) ? 1 : 0);
  const value = create(AcknowledgeMaintenanceSchema, {
    nodeId: BigInt(nodeId),
    epoch: BigInt(Math.max(0, epoch)),
  });
  return {
    body: { case: "acknowledgeMaintenance", value },
    expected: () => model.cluster.acknowledgeMaintenance(nodeId, Math.max(0, epoch)),
  };
}

/** Mostly with the revisions that the rows have. */
export function changeIdentities({ prng, model }: Draws): DrawnCommand {
  const names = prng.shuffle([...IDENTITIES]).slice(0, prng.between(1, 2));
  const changes = names.map((name) => ({
    name,
    expected: prng.chance(0.1) ? 999_999 : (model.cluster.identities.get(name) ?? 0),
    present: prng.chance(0.7),
  }));
  const value = create(ChangeIdentitiesSchema, {
    changes: changes.map(({ name, expected, present }) => ({
      name,
      expectedRevision: BigInt(expected),
      ...(present && { row: { name, record: { case: "policy" as const, value: { name } } } }),
    })),
  });
  return {
    body: { case: "changeIdentities", value },
    expected: () => model.cluster.changeIdentities(changes),
  };
}

export function putCursor({ prng, model, nextId }: Draws): DrawnCommand {
  const cursor = nextId();
  const expectedRevision = prng.chance(0.2) ? 999_999 : (model.cluster.cursor?.revision ?? 0);
  const value = create(PutWorkerCursorSchema, {
    worker: WorkerCursorRow_Worker.LIFECYCLE,
    expectedRevision: BigInt(expectedRevision),
    cursor: id(cursor),
  });
  return {
    body: { case: "putWorkerCursor", value },
    expected: () => model.cluster.putCursor(expectedRevision, cursor),
  };
}

/** Draws what becomes of blobs and of their copies. */

import { create } from "@bufbuild/protobuf";
import type { Prng } from "../../../base/index.ts";
import {
  AcknowledgeDiscardSchema,
  AcknowledgeUnlinkSchema,
  BeginBlobDeleteSchema,
  DropCopiesSchema,
  RecordCopiesSchema,
  RehomeBlobsSchema,
  ReportLostSchema,
} from "../../../gen/skerry/meta/v1/commands_pb.js";
import { id } from "../commands.ts";
import type { DrawnCommand, Draws } from "./draws.ts";

export function beginBlobDelete(draws: Draws): DrawnCommand {
  const { model } = draws;
  const ids = drawBlobIds(draws);
  const value = create(BeginBlobDeleteSchema, { blobIds: ids.map(id) });
  return {
    body: { case: "beginBlobDelete", value },
    expected: () => model.blobs.beginDelete(ids, model.nowMs),
  };
}

export function acknowledgeUnlink(draws: Draws): DrawnCommand {
  const { prng, model } = draws;
  const [nodeId, ids] = [drawNodeId(prng), drawBlobIds(draws)];
  const value = create(AcknowledgeUnlinkSchema, { nodeId: BigInt(nodeId), blobIds: ids.map(id) });
  return {
    body: { case: "acknowledgeUnlink", value },
    expected: () => model.blobs.acknowledge(nodeId, ids),
  };
}

export function recordCopies(draws: Draws): DrawnCommand {
  const { prng, model } = draws;
  const [nodeId, ids] = [drawNodeId(prng), drawBlobIds(draws)];
  const chunks = [{ index: 0, blake3: new Uint8Array(32).fill(9) }];
  const seen = prng.pick([0, 0, 1]);
  const blobs = ids.map((blob) => ({ blobId: id(blob), chunks, seenDiscards: BigInt(seen) }));
  const value = create(RecordCopiesSchema, { nodeId: BigInt(nodeId), blobs });
  return {
    body: { case: "recordCopies", value },
    expected: () => model.blobs.recordCopies(nodeId, ids, seen),
  };
}

export function reportLost(draws: Draws): DrawnCommand {
  const { prng, model } = draws;
  const [nodeId, ids] = [drawNodeId(prng), drawBlobIds(draws)];
  const chunkIndexes = prng.chance(0.5) ? [0] : [];
  const blobs = ids.map((blob) => ({ blobId: id(blob), chunkIndexes }));
  const value = create(ReportLostSchema, { nodeId: BigInt(nodeId), blobs });
  return { body: { case: "reportLost", value }, expected: () => model.blobs.reportLost(nodeId, ids) };
}

export function rehomeBlobs(draws: Draws): DrawnCommand {
  const { prng, model } = draws;
  const [ids, from, to] = [drawBlobIds(draws), prng.between(1, 2), prng.between(1, 3)];
  const blobs = ids.map((blob) => ({
    blobId: id(blob),
    fromCopysetId: BigInt(from),
    toCopysetId: BigInt(to),
  }));
  const value = create(RehomeBlobsSchema, { blobs });
  return { body: { case: "rehomeBlobs", value }, expected: () => model.blobs.rehome(ids, from, to) };
}

export function dropCopies(draws: Draws): DrawnCommand {
  const { prng, model } = draws;
  const [nodeId, ids] = [drawNodeId(prng), drawBlobIds(draws)];
  const copies = ids.map((blob) => ({ blobId: id(blob), nodeId: BigInt(nodeId) }));
  const value = create(DropCopiesSchema, { copies });
  return { body: { case: "dropCopies", value }, expected: () => model.blobs.dropCopies(nodeId, ids) };
}

export function acknowledgeDiscard(draws: Draws): DrawnCommand {
  const { prng, model } = draws;
  const [nodeId, ids] = [drawNodeId(prng), drawBlobIds(draws)];
  const value = create(AcknowledgeDiscardSchema, { nodeId: BigInt(nodeId), blobIds: ids.map(id) });
  return {
    body: { case: "acknowledgeDiscard", value },
    expected: () => model.blobs.acknowledgeDiscard(nodeId, ids),
  };
}

function drawNodeId(prng: Prng): number {
  return prng.between(1, 5);
}

/** Some of the blobs there are, in whatever state, and one that never was. */
function drawBlobIds({ prng, model }: Draws): number[] {
  return [...prng.shuffle([...model.blobs.rows.keys()]).slice(0, 5), 999_999];
}

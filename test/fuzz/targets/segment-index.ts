import {
  decodeCheckpoint,
  decodeChunkRow,
  decodeIdentity,
  decodeSegmentRow,
  encodeCheckpoint,
  encodeChunkRow,
  encodeIdentity,
  encodeSegmentRow,
  segmentKey,
} from "../../../src/segment/index-rows.ts";
import { type FuzzTarget, same } from "../target.ts";

const FIGURES = {
  segmentId: 9,
  salt: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  state: "sealed" as const,
  endPosition: 4096,
  liveChunks: 1,
  liveBytes: 2 ** 35,
  deadBytes: 3,
  kills: new Set([1, 7]),
};

/** Values of the chunk index: what is a row is written the same again. */
export const segmentIndex: FuzzTarget = {
  name: "segment-index",
  maxBytes: 512,
  dictionary: ['"version":1', "clusterId", "incarnation", "diskId"],
  seeds: () => [
    encodeChunkRow({ segmentId: 5, position: 2 ** 33, length: 77, quarantined: true }),
    encodeSegmentRow(FIGURES),
    encodeCheckpoint({ nextSegmentId: 10, segmentId: 9, position: 4096 }),
    encodeIdentity({ clusterId: "c", incarnation: "i", diskId: "d" }),
  ],
  property: (input) => {
    const kinds: string[] = [];
    const chunk = decodeChunkRow(input);
    if (chunk !== undefined) {
      kinds.push("chunk");
      same(decodeChunkRow(encodeChunkRow(chunk)), chunk, "a chunk's row");
    }
    const segment = decodeSegmentRow(segmentKey(9), input);
    if (segment !== undefined) {
      kinds.push("segment");
      same(decodeSegmentRow(segmentKey(9), encodeSegmentRow(segment)), segment, "a segment's row");
    }
    const checkpoint = decodeCheckpoint(input);
    if (checkpoint !== undefined) {
      kinds.push("checkpoint");
      same(encodeCheckpoint(checkpoint), input, "a checkpoint");
    }
    const identity = decodeIdentity(input);
    if (identity !== undefined) {
      kinds.push("identity");
      same(decodeIdentity(encodeIdentity(identity)), identity, "an identity");
    }
    return kinds.length === 0 ? "nothing" : kinds.join(" and ");
  },
};

/**
 * The bytes of the write-ahead log, version 1. All numbers are little endian.
 *
 * A log is a directory of segment files `<sequence, 16 digits>.wal`, numbered without gaps. A segment is made under the name
 * `<sequence>.tmp`, filled with zeros to its full size, given its header, synced, renamed, and its directory synced: a `.wal` file
 * always has its size and a good header, whatever crashes. Its last one or two may hold no batch yet.
 *
 * Segment header, 256 bytes
 *
 *     0        8     12    16         24        32      36                100                 164      252   256
 *     +--------+-----+-----+----------+---------+-------+-----------------+-------------------+--------+-----+
 *     | magic  | ver | len | sequence | node id | flags | cluster id      | incarnation       | zeros  | crc |
 *     +--------+-----+-----+----------+---------+-------+-----------------+-------------------+--------+-----+
 *     magic    "SKRYWAL\n"
 *     ver      1; magic, ver and crc keep their places in all versions, so that a later version is refused and not misread
 *     flags    bit 0 RESET: this log begins here, whatever earlier segments are still there does not count
 *     crc      CRC32C of bytes 0 to 251
 *
 * Then records, one after the other, each at a multiple of 8 bytes, up to the first that is all zeros. A record
 *
 *     0     4        8      9       10     12      16     24      32      40
 *     +-----+--------+------+-------+------+-------+------+-------+-------+---------+----------------+
 *     | crc | length | type | flags | zero | group | term | index | batch | payload | zeros to 8     |
 *     +-----+--------+------+-------+------+-------+------+-------+-------+---------+----------------+
 *     crc      CRC32C of bytes 4 to length-1, begun from (identity of the segment XOR offset of the record): a record that was written
 *              to another place or belongs to another segment, node or cluster does not check
 *     length   40 + bytes of payload; 0 is no record
 *     batch    which batch it belongs to, counting from 1 in the life of a log
 *
 *     type            term, index                             payload
 *     1 HardState     term, commit                            vote u64
 *     2 Entry         of the entry                            time_ms u64, entry type u8, 7 zeros, data
 *     3 TruncateTo    0, the last index that stays            -
 *     4 SnapshotMark  the log begins after this entry         flags u32 (1 RESET: drop every entry, 2 BOOTSTRAP: first of its group), zero u32
 *     5 ConfState     0, in force at this index               auto leave u32, 4 counts u32, zero u32, ids u64
 *     6 Fence         no vote before the log ends here or     -
 *                     later (by term, then index)
 *     7 BatchEnd      0, number of records before it          see below
 *
 * A batch is what one write and one sync made durable. Its BatchEnd tells a whole batch from a torn one, and is a second, independent
 * memory of what the batch held: where a record is damaged it names what was lost.
 *
 *     0            4              8           12             16          16 + 24 runs             + 40 groups
 *     +------------+--------------+-----------+--------------+-----------+------------------------+
 *     | crc of the | CRC32C over  | number of | number of    | runs      | groups                 |
 *     | BatchEnd   | the crc      | runs u32  | groups u32   |           |                        |
 *     | before     | fields       |           |              |           |                        |
 *     +------------+--------------+-----------+--------------+-----------+------------------------+
 *     run      group u32, count u32, term u64, first index u64: the batch has these entries
 *     group    group u32, zero u32, last term u64, last index u64, term u64, vote u64: where each group stands after the batch
 *
 * A segment's first batch repeats every group's SnapshotMark, ConfState, Fence and HardState, so that earlier segments may go.
 */

export const SEGMENT_MAGIC = "SKRYWAL\n";
export const SEGMENT_VERSION = 1;
export const SEGMENT_HEADER_BYTES = 256;
export const SEGMENT_FLAG_RESET = 1;
export const MAX_IDENTITY_TEXT_BYTES = 64;

export const RECORD_HEADER_BYTES = 40;
export const RECORD_ALIGNMENT_BYTES = 8;
export const ENTRY_PREFIX_BYTES = 16;
export const BATCH_END_PREFIX_BYTES = 16;
export const RUN_BYTES = 24;
export const GROUP_SUMMARY_BYTES = 40;

/** A segment grows to hold one batch that is larger than its usual size, up to this; record offsets stay below 2^31. */
export const MAX_SEGMENT_BYTES = 1024 * 1024 * 1024;
/** Groups in one log. Each is named in every BatchEnd. */
export const MAX_GROUPS = 64;
/** Members in one configuration. */
export const MAX_CONF_STATE_IDS = 1024;

export const RECORD_HARD_STATE = 1;
export const RECORD_ENTRY = 2;
export const RECORD_TRUNCATE_TO = 3;
export const RECORD_SNAPSHOT_MARK = 4;
export const RECORD_CONF_STATE = 5;
export const RECORD_FENCE = 6;
export const RECORD_BATCH_END = 7;

export const MARK_FLAG_RESET = 1;
export const MARK_FLAG_BOOTSTRAP = 2;

/** CRC32C, continued from `seed`. */
export type Crc32c = (bytes: Uint8Array, seed?: number) => number;

/** Rounded up to where the next record may begin. */
export function aligned(sizeBytes: number): number {
  return Math.ceil(sizeBytes / RECORD_ALIGNMENT_BYTES) * RECORD_ALIGNMENT_BYTES;
}

/** Bytes that a record with so much payload takes in the file. */
export function recordBytes(payloadBytes: number): number {
  return aligned(RECORD_HEADER_BYTES + payloadBytes);
}

export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(16, "0")}.wal`;
}

/** The sequence in a segment's file name; undefined: it is none. */
export function sequenceOf(name: string): number | undefined {
  const match = /^(\d{16})\.wal$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

const TWO_32 = 0x1_0000_0000;

export function writeUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % TWO_32, true);
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
}

/** Undefined: more than a number holds exactly. */
export function readUint64(view: DataView, offset: number): number | undefined {
  const value = view.getUint32(offset + 4, true) * TWO_32 + view.getUint32(offset, true);
  return value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}

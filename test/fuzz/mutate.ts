import { concatBytes, type Prng } from "../../src/base/index.ts";

const INTERESTING = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
];
const NUMBERS = [
  "0",
  "-1",
  "1",
  "00",
  "9007199254740991",
  "9007199254740992",
  "18446744073709551616",
  "1e3",
  "0x10",
  "",
];
const MAX_CHANGES = 4;
const MAX_PIECE_BYTES = 64;

export interface MutationSources {
  /** What `input` may be crossed with. */
  readonly pool: readonly Uint8Array[];
  readonly dictionary: readonly Uint8Array[];
  readonly maxBytes: number;
}

/** Some changes to an input: of bits, bytes, pieces, numbers as text and as bytes, words of the dictionary, parts of other inputs. */
export function mutate(input: Uint8Array, prng: Prng, sources: MutationSources): Uint8Array {
  let bytes = input;
  for (let left = 1 + prng.below(MAX_CHANGES); left > 0; left--) bytes = change(bytes, prng, sources);
  return bytes.length > sources.maxBytes ? bytes.slice(0, sources.maxBytes) : bytes;
}

function change(bytes: Uint8Array, prng: Prng, { pool, dictionary }: MutationSources): Uint8Array {
  const at = prng.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + prng.below(MAX_PIECE_BYTES));
  switch (prng.below(12)) {
    case 0:
      return replaced(bytes, at, at + 1, [(bytes[at] ?? 0) ^ (1 << prng.below(8))]);
    case 1:
      return replaced(bytes, at, at + 1, [prng.below(256)]);
    case 2:
      return replaced(bytes, at, end, []);
    case 3:
      return replaced(bytes, at, at, prng.bytes(1 + prng.below(8)));
    case 4:
      return replaced(bytes, at, at, bytes.subarray(at, end));
    case 5:
      return replaced(bytes, at, end, new Uint8Array(end - at).fill(prng.pick([0, 0x20, 0x30, 0xff])));
    case 6:
      return withNumber(bytes, at, prng);
    case 7:
      return withDigits(bytes, prng);
    case 8:
      return dictionary.length === 0 ? bytes : replaced(bytes, at, at, prng.pick(dictionary));
    case 9:
      return dictionary.length === 0 ? bytes : replaced(bytes, at, end, prng.pick(dictionary));
    case 10:
      return crossed(bytes, at, prng.pick(pool), prng);
    default:
      return moved(bytes, at, end, prng.below(bytes.length + 1));
  }
}

function replaced(bytes: Uint8Array, from: number, to: number, piece: ArrayLike<number>): Uint8Array {
  return concatBytes([bytes.subarray(0, from), Uint8Array.from(piece), bytes.subarray(to)]);
}

function withNumber(bytes: Uint8Array, at: number, prng: Prng): Uint8Array {
  const width = prng.pick([1, 2, 4, 8]);
  if (at + width > bytes.length) return bytes;
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const value = prng.pick(INTERESTING);
  const little = prng.chance(0.5);
  if (width === 1) view.setUint8(at, value & 0xff);
  else if (width === 2) view.setUint16(at, value & 0xffff, little);
  else view.setUint32(at, value, little);
  return copy;
}

/** Puts another number in the place of a run of digits. */
function withDigits(bytes: Uint8Array, prng: Prng): Uint8Array {
  const runs = [
    ...Buffer.from(bytes)
      .toString("latin1")
      .matchAll(/[0-9]+/g),
  ];
  if (runs.length === 0) return bytes;
  const run = prng.pick(runs);
  return replaced(bytes, run.index, run.index + run[0].length, Buffer.from(prng.pick(NUMBERS)));
}

function crossed(bytes: Uint8Array, at: number, other: Uint8Array, prng: Prng): Uint8Array {
  const from = prng.below(other.length + 1);
  const piece = other.subarray(from, from + 1 + prng.below(2 * MAX_PIECE_BYTES));
  return prng.chance(0.5)
    ? replaced(bytes, at, at, piece)
    : concatBytes([bytes.subarray(0, at), other.subarray(from)]);
}

function moved(bytes: Uint8Array, from: number, to: number, at: number): Uint8Array {
  const copy = bytes.slice();
  copy.copyWithin(at, from, to);
  return copy;
}

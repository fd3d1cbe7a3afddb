import { floatsOf, uint32sOf } from "../elements.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import { damaged } from "./damaged.ts";
import type { Head } from "./head.ts";
import { IndexSpace, signBytes, spaceDimensions } from "./space.ts";

/** Rows of one list: what a build keeps, and what a reader accepts. */
export const MOST_LIST_ROWS = 256;

/** What stays in memory of an index with lists: where they lie, in space and in the file. */
export interface ListTree {
  readonly space: IndexSpace;
  /** Centroids of the groups, in the space of the index. */
  readonly groups: Float32Array;
  /** Group g has the lists from `groupFirst[g]` up to `groupFirst[g + 1]`. */
  readonly groupFirst: Uint32Array;
  /** Centroids of the lists, in the space of the index. */
  readonly lists: Float32Array;
  /** List l has the vectors from `listFirst[l]` up to `listFirst[l + 1]`. */
  readonly listFirst: Uint32Array;
  /** For the dot product: the mean of the squared lengths in a list; otherwise 0. */
  readonly listNorms: Float32Array;
}

export function encodeTree(tree: ListTree): Uint8Array[] {
  return [
    bytesOf(tree.space.mean),
    encodeSigns(tree.space.signs),
    bytesOf(tree.groups),
    bytesOf(tree.groupFirst),
    bytesOf(tree.lists),
    bytesOf(tree.listFirst),
    bytesOf(tree.listNorms),
  ];
}

/** The reverse; throws "data-damaged" for what no build writes. */
export function decodeTree(head: Head, bytes: Uint8Array, kernels: VectorKernels): ListTree {
  const dimensions = spaceDimensions(head.field.dimensions);
  let at = 0;
  const next = (length: number) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  const mean = floatsOf(next(head.field.dimensions * 4));
  const signs = decodeSigns(next(signBytes(dimensions)));
  const tree: ListTree = {
    space: new IndexSpace(kernels, head.field.metric, mean, signs),
    groups: floatsOf(next(head.groupCount * dimensions * 4)),
    groupFirst: uint32sOf(next((head.groupCount + 1) * 4)),
    lists: floatsOf(next(head.listCount * dimensions * 4)),
    listFirst: uint32sOf(next((head.listCount + 1) * 4)),
    listNorms: floatsOf(next(head.listCount * 4)),
  };
  checkSteps(tree.groupFirst, head.listCount, head.listCount);
  checkSteps(tree.listFirst, head.vectorCount, MOST_LIST_ROWS);
  for (const numbers of [mean, tree.groups, tree.lists, tree.listNorms]) {
    if (!numbers.every((value) => Math.abs(value) <= LARGEST))
      throw damaged("has centroids that are no vectors");
  }
  return tree;
}

/** Above every number that a build writes, the squares of lengths among them. */
const LARGEST = 2 ** 124;

function checkSteps(firsts: Uint32Array, end: number, longest: number): void {
  let sound = firsts[0] === 0 && firsts[firsts.length - 1] === end;
  for (let i = 1; i < firsts.length; i++) {
    const length = firsts[i]! - firsts[i - 1]!;
    sound &&= length >= 1 && length <= longest;
  }
  if (!sound) throw damaged("has lists that do not follow one another");
}

/** One bit for each sign, the lowest first: 1 is -1. */
function encodeSigns(signs: Float32Array): Uint8Array {
  const bytes = new Uint8Array(signs.length / 8);
  signs.forEach((sign, i) => {
    if (sign < 0) bytes[i >>> 3] = bytes[i >>> 3]! | (1 << (i & 7));
  });
  return bytes;
}

function decodeSigns(bytes: Uint8Array): Float32Array {
  return Float32Array.from({ length: bytes.length * 8 }, (_, i) =>
    (bytes[i >>> 3]! >>> (i & 7)) & 1 ? -1 : 1,
  );
}

function bytesOf(numbers: Float32Array | Uint32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

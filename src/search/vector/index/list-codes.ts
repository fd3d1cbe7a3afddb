import type { ByteRange, RangeReader } from "../../ports.ts";
import { codeRowBytes, decodeList, type ListCodes } from "../format/codes.ts";
import type { ListTree } from "../format/tree.ts";

/**
 * The codes of the lists, read when they are first asked for and then kept: a thirtieth of the index, and what every search needs. Whoever keeps the
 * index open counts its whole size.
 */
export class ResidentCodes {
  readonly #reader: RangeReader;
  readonly #tree: ListTree;
  readonly #start: number;
  readonly #lists: (ListCodes | undefined)[];

  /** `start`: where the codes begin. */
  constructor(reader: RangeReader, tree: ListTree, start: number) {
    this.#reader = reader;
    this.#tree = tree;
    this.#start = start;
    this.#lists = new Array(tree.listFirst.length - 1);
  }

  /** What `load` would read. */
  missingBytes(lists: Uint32Array): number {
    let bytes = 0;
    for (const list of lists) if (this.#lists[list] === undefined) bytes += this.#rangeOf(list).length;
    return bytes;
  }

  /** Reads those of the lists that are not here, in one wave. False: there were none. */
  async load(lists: Uint32Array): Promise<boolean> {
    const missing = lists.filter((list) => this.#lists[list] === undefined);
    if (missing.length === 0) return false;
    const blocks = await this.#reader.readMany(Array.from(missing, (list) => this.#rangeOf(list)));
    const rowBytes = codeRowBytes(this.#tree.space.dimensions);
    for (const [i, block] of blocks.entries())
      this.#lists[missing[i]!] = decodeList(block, block.length / rowBytes);
    return true;
  }

  /** Of a list that was loaded. */
  at(list: number): ListCodes {
    return this.#lists[list]!;
  }

  #rangeOf(list: number): ByteRange {
    const { listFirst, space } = this.#tree;
    const rowBytes = codeRowBytes(space.dimensions);
    const first = listFirst[list]!;
    return { offset: this.#start + first * rowBytes, length: (listFirst[list + 1]! - first) * rowBytes };
  }
}

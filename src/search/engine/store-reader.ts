import { SearchError } from "../errors.ts";
import type { ByteRange, RangeReader } from "../ports.ts";

/** What is read at least: a small part costs a round trip to the store, whatever its length. */
const PAGE_BYTES = 256 * 1024;
/** Kept: 16 MiB. */
const HELD_PAGES = 64;
/** What is read at once where wanted pages are neighbours, and what is longer is read by itself and not kept: 4 MiB. */
const SPAN_PAGES = 16;

/**
 * A file as its store has it, around all caches, for whoever goes through the whole of it. It is read in pages, and the last ones are kept: most small parts lie beside one that was
 * just read. One read is under way at a time: hundreds at once would be more than the connection to a node takes.
 */
export function storeReader(
  sizeBytes: number,
  readRange: (range: ByteRange) => Promise<Uint8Array>,
): RangeReader {
  return new StoreReader(sizeBytes, readRange);
}

class StoreReader implements RangeReader {
  readonly sizeBytes: number;
  readonly #readRange: (range: ByteRange) => Promise<Uint8Array>;
  /** By number, the one that was used longest ago first. */
  readonly #held = new Map<number, Promise<Uint8Array>>();
  #underWay: Promise<unknown> = Promise.resolve();

  constructor(sizeBytes: number, readRange: (range: ByteRange) => Promise<Uint8Array>) {
    this.sizeBytes = sizeBytes;
    this.#readRange = readRange;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const [part] = await this.readMany([{ offset, length }]);
    return part as Uint8Array;
  }

  async readMany(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> {
    const parts: Uint8Array[] = ranges.map(() => new Uint8Array(0));
    const order = [...ranges.entries()].filter(([, { length }]) => length > 0);
    order.sort(([, left], [, right]) => left.offset - right.offset);
    const wanted = new Set(order.flatMap(([, range]) => (isLong(range) ? [] : pagesOf(range))));
    for (const [i, range] of order)
      parts[i] = isLong(range) ? await this.#alone(range) : await this.#soundPart(range, wanted);
    return parts;
  }

  /** Damage beside a part is not damage of the part. */
  async #soundPart(range: ByteRange, wanted: ReadonlySet<number>): Promise<Uint8Array> {
    try {
      return await this.#part(range, wanted);
    } catch (error) {
      if (!(error instanceof SearchError) || error.code !== "data-damaged") throw error;
      return await this.#alone(range);
    }
  }

  async #part(range: ByteRange, wanted: ReadonlySet<number>): Promise<Uint8Array> {
    const part = new Uint8Array(range.length);
    for (const number of pagesOf(range)) {
      const page = await this.#page(number, wanted);
      const from = number * PAGE_BYTES - range.offset;
      part.set(page.subarray(Math.max(0, -from), range.length - from), Math.max(0, from));
    }
    return part;
  }

  #page(number: number, wanted: ReadonlySet<number>): Promise<Uint8Array> {
    let page = this.#held.get(number);
    if (page === undefined) {
      this.#fetch(number, wanted);
      page = this.#held.get(number) as Promise<Uint8Array>;
    }
    this.#held.delete(number);
    this.#held.set(number, page);
    return page;
  }

  /** The page, and those behind it that are wanted too. */
  #fetch(first: number, wanted: ReadonlySet<number>): void {
    let end = first + 1;
    while (end - first < SPAN_PAGES && wanted.has(end) && !this.#held.has(end)) end++;
    const offset = first * PAGE_BYTES;
    const span = this.#alone({ offset, length: Math.min(end * PAGE_BYTES, this.sizeBytes) - offset });
    for (let number = first; number < end; number++) {
      const from = (number - first) * PAGE_BYTES;
      // A copy: a view would keep the whole span as long as one of its pages.
      const page = span.then((bytes) => bytes.slice(from, from + PAGE_BYTES));
      this.#held.set(number, page);
      page.catch(() => this.#held.delete(number));
    }
    for (const number of this.#held.keys()) {
      if (this.#held.size <= HELD_PAGES) break;
      this.#held.delete(number);
    }
  }

  #alone(range: ByteRange): Promise<Uint8Array> {
    const read = this.#underWay.then(() => this.#readRange(range));
    this.#underWay = read.catch(() => undefined);
    return read;
  }
}

function isLong({ length }: ByteRange): boolean {
  return length > SPAN_PAGES * PAGE_BYTES;
}

function pagesOf({ offset, length }: ByteRange): readonly number[] {
  const first = Math.floor(offset / PAGE_BYTES);
  const end = Math.ceil((offset + length) / PAGE_BYTES);
  return Array.from({ length: end - first }, (_, i) => first + i);
}

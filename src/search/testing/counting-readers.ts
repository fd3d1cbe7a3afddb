import type { RangeReader } from "../ports.ts";
import { TEXT_SECTIONS, type TextIndexReaders, type TextIndexSections } from "../text/index.ts";

/** Readers of sections in memory, which count their waves: calls that do not overlap. */
export class CountingReaders {
  waves = 0;
  #running = 0;
  readonly #waits: boolean;

  /** Without waiting, every read is a wave of its own. */
  constructor({ waits }: { readonly waits: boolean } = { waits: true }) {
    this.#waits = waits;
  }

  of(sections: TextIndexSections): TextIndexReaders {
    return Object.fromEntries(
      TEXT_SECTIONS.map((name) => [name, this.reader(sections[name])]),
    ) as TextIndexReaders;
  }

  reader(bytes: Uint8Array): RangeReader {
    return {
      sizeBytes: bytes.length,
      read: (offset, length) => this.#wave(() => bytes.subarray(offset, offset + length)),
      readMany: (ranges) =>
        this.#wave(() => ranges.map(({ offset, length }) => bytes.subarray(offset, offset + length))),
    };
  }

  async #wave<T>(read: () => T): Promise<T> {
    if (this.#running++ === 0) this.waves++;
    if (this.#waits) await new Promise((resolve) => setImmediate(resolve));
    this.#running--;
    return read();
  }
}

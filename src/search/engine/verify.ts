import { decodeBatchFile } from "../batch/batch-file.ts";
import { decodeDeletesFile } from "../batch/deletes-file.ts";
import { SearchError } from "../errors.ts";
import type { Schema } from "../model/schema.ts";
import type { BlobName } from "../ports.ts";
import type { VerifyReport } from "../service.ts";
import type { EngineContext } from "./context.ts";
import type { Manifest } from "./manifest.ts";
import { readerOf } from "./memory-reader.ts";

const PAGE_ROWS = 1_000;
/** Problems after which no more are collected. */
const MAX_PROBLEMS = 100;

/**
 * Reads every blob of a state again, from the store and not from a cache, and every document; compares checksums and counts. It counts the rows of
 * segments that are not deleted, and the upserts of batches.
 */
export async function verifyNamespace(
  context: EngineContext,
  state: { readonly manifest: Manifest; readonly schema: Schema },
  signal: AbortSignal,
): Promise<VerifyReport> {
  const verifier = new Verifier(context, signal);
  await verifier.run(state);
  const { blobs, bytes, documents, problems } = verifier;
  return { version: state.manifest.version, blobs, bytes, documents, problems };
}

class Verifier {
  blobs = 0;
  bytes = 0;
  documents = 0n;
  readonly problems: string[] = [];
  readonly #context: EngineContext;
  readonly #signal: AbortSignal;

  constructor(context: EngineContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
  }

  async run({ manifest, schema }: { readonly manifest: Manifest; readonly schema: Schema }): Promise<void> {
    const { kernel, checksum } = this.#context;
    for (const { number, blob, frameVersions } of manifest.batches) {
      await this.#check(`batch ${number}`, async () => {
        const frames = decodeBatchFile(await this.#read(blob), checksum);
        if (frames.length !== frameVersions.length)
          this.#problem(`batch ${number}: another number of frames`);
      });
    }
    for (const ref of manifest.segments) {
      const name = `segment ${ref.number}`;
      await this.#check(name, async () => {
        if (ref.deletes !== undefined) {
          const deleted = decodeDeletesFile(await this.#read(ref.deletes.blob), checksum);
          if (deleted.count() !== ref.deletes.rows) this.#problem(`${name}: another number of deleted rows`);
        }
        const bytes = await this.#read(ref.blob);
        for (const { kind, field, reason } of await kernel.damagedSections(readerOf(bytes)))
          this.#problem(`${name}: section "${kind}"${field === "" ? "" : ` of field "${field}"`}: ${reason}`);
        const unit = await kernel.openSegment(name, readerOf(bytes), schema);
        if (unit.rowCount !== ref.rows) this.#problem(`${name}: another number of rows`);
        for (let at = 0; at < unit.rowCount; at += PAGE_ROWS) {
          this.#signal.throwIfAborted();
          const rows = Uint32Array.from(
            { length: Math.min(PAGE_ROWS, unit.rowCount - at) },
            (_, row) => at + row,
          );
          const documents = await unit.documents(rows, { kind: "everything" });
          const found = await unit.rowsOf(documents.map(({ id }) => id));
          for (const [i, row] of rows.entries())
            if (found[i] !== row) this.#problem(`${name}: row ${row} is not found by its id`);
        }
        this.documents += BigInt(unit.rowCount - (ref.deletes?.rows ?? 0));
      });
    }
  }

  #problem(text: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(text);
  }

  async #check(name: string, check: () => Promise<void>): Promise<void> {
    this.#signal.throwIfAborted();
    try {
      await check();
    } catch (error) {
      if (!(error instanceof SearchError) || this.#signal.aborted) throw error;
      this.#problem(`${name}: ${error.message}`);
    }
  }

  async #read(blob: BlobName): Promise<Uint8Array> {
    const bytes = await this.#context.driver.read(blob, { offset: 0, length: blob.sizeBytes }, this.#signal);
    this.blobs++;
    this.bytes += bytes.length;
    return bytes;
  }
}

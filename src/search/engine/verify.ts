import type { NamespaceRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { decodeBatchFile } from "../batch/batch-file.ts";
import { decodeDeletesFile } from "../batch/deletes-file.ts";
import { SearchError } from "../errors.ts";
import type { DocumentId } from "../model/document.ts";
import type { Schema } from "../model/schema.ts";
import type { BlobName, ByteRange, RangeReader } from "../ports.ts";
import { RowSet } from "../rows/row-set.ts";
import type { VerifyFinding, VerifyReport } from "../service.ts";
import type { SearchUnit } from "../unit/ports.ts";
import type { EngineContext } from "./context.ts";
import type { Manifest, SegmentRef } from "./manifest.ts";
import { storeReader } from "./store-reader.ts";
import { contentFindings } from "./verify-content.ts";

/** Findings after which no more are collected. */
const MAX_FINDINGS = 100;
/** Before a read that found no node is tried again. */
const READ_PAUSES_MS = [250, 500, 1_000, 2_000];

export interface VerifiedState {
  readonly row: Pick<NamespaceRow, "totals">;
  readonly manifest: Manifest;
  readonly schema: Schema;
}

/**
 * Reads every blob of a state again, from the store and not from a cache, and every document; compares checksums, counts, the parts of a segment with each other,
 * and segments with each other. It counts the rows of segments that are not deleted. Others have their turns meanwhile.
 */
export async function verifyNamespace(
  context: EngineContext,
  state: VerifiedState,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const verifier = new Verifier(context, signal);
  await verifier.run(state);
  const { blobs, bytes, documents, findings } = verifier;
  const problems = findings.map(sentenceOf);
  return { version: state.manifest.version, blobs, bytes, documents, findings, problems };
}

function sentenceOf({ batch, segment, section, field, problem }: VerifyFinding): string {
  const where = [
    ...(batch === undefined ? [] : [`batch ${batch}`]),
    ...(segment === undefined ? [] : [`segment ${segment}`]),
    ...(section === "" ? [] : [`section "${section}"${field === "" ? "" : ` of field "${field}"`}`]),
  ];
  return [...where, problem].join(": ");
}

type Place = Pick<VerifyFinding, "batch" | "segment">;
type Found = Omit<VerifyFinding, "section" | "field"> & Partial<VerifyFinding>;

/** A segment that could be read, and its rows that live. */
interface ReadSegment {
  readonly ref: SegmentRef;
  readonly unit: SearchUnit;
  readonly live: RowSet;
}

class Verifier {
  blobs = 0;
  bytes = 0;
  documents = 0n;
  readonly findings: VerifyFinding[] = [];
  readonly #context: EngineContext;
  readonly #signal: AbortSignal;

  constructor(context: EngineContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
  }

  async run({ row, manifest, schema }: VerifiedState): Promise<void> {
    this.#compareTotals(row, manifest);
    const { checksum } = this.#context;
    for (const { number, blob, frameVersions } of manifest.batches) {
      await this.#check({ batch: number }, async () => {
        const frames = decodeBatchFile(await this.#read(blob), checksum);
        if (frames.length !== frameVersions.length)
          this.#found({ kind: "count", batch: number, problem: "another number of frames" });
      });
    }
    const before: ReadSegment[] = [];
    for (const ref of manifest.segments) {
      await this.#check({ segment: ref.number }, async () => {
        const read = await this.#open(ref, schema);
        await this.#compareContent(read, schema, before);
        before.push(read);
        this.documents += BigInt(read.live.count());
      });
    }
  }

  /** What the namespace's row counts, and the rows of its manifest. */
  #compareTotals({ totals }: VerifiedState["row"], { batches, segments }: Manifest): void {
    const sum = (of: (ref: SegmentRef) => number) => segments.reduce((all, ref) => all + of(ref), 0);
    for (const [what, said, is] of [
      ["batches", totals?.batches, batches.length],
      ["segments", totals?.segments, segments.length],
      ["rows of segments", totals?.segmentRows, sum(({ rows }) => rows)],
      ["deleted rows", totals?.deletedRows, sum(({ deletes }) => deletes?.rows ?? 0)],
    ] as const)
      if ((said ?? 0n) !== BigInt(is))
        this.#found({
          kind: "manifest",
          problem: `the namespace counts ${said ?? 0n} ${what}, there are ${is}`,
        });
  }

  async #open(ref: SegmentRef, schema: Schema): Promise<ReadSegment> {
    const { kernel } = this.#context;
    const { number: segment, rows } = ref;
    const reader = this.#reader(ref.blob);
    const pause = () => this.#pause();
    for (const { kind, field, reason } of await kernel.damagedSections(reader, pause))
      this.#found({ kind: "unreadable", segment, section: kind, field, problem: reason });
    const unit = await kernel.openSegment(`segment ${segment}`, reader, schema);
    if (unit.rowCount !== rows)
      this.#found({
        kind: "count",
        segment,
        problem: `it has ${unit.rowCount} rows, the metadata say ${rows}`,
      });
    const live = RowSet.full(unit.rowCount);
    const gone = await this.#deleted(ref, unit.rowCount);
    return { ref, unit, live: gone === undefined ? live : live.subtract(gone) };
  }

  async #deleted({ number: segment, deletes }: SegmentRef, rows: number): Promise<RowSet | undefined> {
    if (deletes === undefined) return undefined;
    const deleted = decodeDeletesFile(await this.#read(deletes.blob), this.#context.checksum);
    const found = (problem: string) => this.#found({ kind: "deletes", segment, section: "deletes", problem });
    if (deleted.count() !== deletes.rows)
      found(`${deleted.count()} rows are deleted, the metadata say ${deletes.rows}`);
    if (deleted.size === rows) return deleted;
    found(`it is of a segment with ${deleted.size} rows, and this one has ${rows}`);
    return undefined;
  }

  async #compareContent(
    { ref, unit, live }: ReadSegment,
    schema: Schema,
    before: readonly ReadSegment[],
  ): Promise<void> {
    const { kernel } = this.#context;
    const matcher = kernel.matcher.bind(kernel);
    const check = { unit, schema, matcher, pause: () => this.#pause() };
    const { number: segment } = ref;
    const findings = contentFindings(check, async (rows, ids) => {
      const living = ids.filter((_, i) => live.has(rows[i] ?? 0));
      for (const other of before) await this.#findTwice(living, segment, other);
    });
    for await (const finding of findings) this.#found({ segment, ...finding });
  }

  /** A document lives in one segment. */
  async #findTwice(
    ids: readonly DocumentId[],
    segment: bigint,
    { ref, unit, live }: ReadSegment,
  ): Promise<void> {
    const rows = await unit.rowsOf(ids);
    for (const [i, document] of ids.entries()) {
      const row = rows[i];
      if (row !== undefined && live.has(row))
        this.#found({
          kind: "twice",
          segment,
          section: "ids",
          document,
          problem: `the document lives in segment ${ref.number} too`,
        });
    }
  }

  #found(finding: Found): void {
    if (this.findings.length < MAX_FINDINGS) this.findings.push({ section: "", field: "", ...finding });
  }

  async #check(place: Place, check: () => Promise<void>): Promise<void> {
    await this.#pause();
    try {
      await check();
    } catch (error) {
      if (!(error instanceof SearchError) || this.#signal.aborted) throw error;
      this.#found({ kind: "unreadable", ...place, problem: error.message });
    }
  }

  async #pause(): Promise<void> {
    this.#signal.throwIfAborted();
    await new Promise<void>((resolve) => this.#context.timers.endOfTurn(resolve));
  }

  async #read(blob: BlobName): Promise<Uint8Array> {
    const reader = this.#reader(blob);
    return await reader.read(0, reader.sizeBytes);
  }

  /** What cannot be reached for a moment, as after a connection was reset, is no damage. */
  async #range(blob: BlobName, range: ByteRange): Promise<Uint8Array> {
    const { driver, timers } = this.#context;
    for (const pauseMs of READ_PAUSES_MS) {
      try {
        return await driver.read(blob, range, this.#signal);
      } catch (error) {
        if (!(error instanceof SearchError) || error.code !== "unavailable" || this.#signal.aborted)
          throw error;
        await timers.sleep(pauseMs, this.#signal);
      }
    }
    return await driver.read(blob, range, this.#signal);
  }

  /** Around the caches. A segment is not held as a whole: it may be large. */
  #reader(blob: BlobName): RangeReader {
    this.blobs++;
    this.bytes += blob.sizeBytes;
    return storeReader(blob.sizeBytes, (range) => this.#range(blob, range));
  }
}

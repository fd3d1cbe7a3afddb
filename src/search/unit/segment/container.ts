import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { concatBytes } from "../../../base/index.ts";
import {
  type SegmentContents,
  SegmentContentsSchema,
} from "../../../gen/skerry/search/storage/v1/storage_pb.js";
import { SearchError } from "../../errors.ts";
import { schemaFromStored, schemaToStored } from "../../model/encode-schema.ts";
import type { Schema } from "../../model/schema.ts";
import type { ByteRange, RangeReader } from "../../ports.ts";
import { BlockReader, BlockWriter, type Checksum, type CountedReader } from "./blocks.ts";

/** What an index segment holds, under a kind and, for what belongs to one field, the field's name. Drawn in docs/internals/search-segment.md. */
export interface Section {
  readonly kind: string;
  readonly field: string;
  readonly bytes: Uint8Array;
}

const FOOTER_BYTES = 16;
const MAGIC = 0x47_45_53_4b_53n; // "SKSEG"
const VERSION = 1;
/** Read at once from the end: most tables of contents are shorter. */
const TAIL_BYTES = 16_384;
const MAX_ROWS = 2 ** 30;

/** The file of these sections. */
export function writeContainer(
  content: { readonly rowCount: number; readonly schema: Schema; readonly sections: readonly Section[] },
  checksum: Checksum,
): Uint8Array {
  const writer = new ContainerWriter(checksum);
  for (const section of content.sections) writer.add(section);
  return concatBytes(writer.finish(content));
}

/** Writes the file: the sections one after another, the table of contents, the footer; all in blocks. In memory: the file, and nothing of a section that was written. */
export class ContainerWriter {
  readonly #file: BlockWriter;
  readonly #places: { kind: string; field: string; offset: bigint; sizeBytes: bigint }[] = [];
  #sizeBytes = 0n;

  constructor(checksum: Checksum) {
    this.#file = new BlockWriter(checksum);
  }

  add({ kind, field, bytes }: Section): void {
    this.begin(kind, field);
    this.write(bytes);
  }

  /** A section, which has what is written until the next one begins. */
  begin(kind: string, field: string): void {
    this.#places.push({ kind, field, offset: this.#sizeBytes, sizeBytes: 0n });
  }

  write(bytes: Uint8Array): void {
    const size = BigInt(bytes.length);
    this.#places.at(-1)!.sizeBytes += size;
    this.#sizeBytes += size;
    this.#file.write(bytes);
  }

  /** The file, in parts. */
  finish({
    rowCount,
    schema,
  }: {
    readonly rowCount: number;
    readonly schema: Schema;
  }): readonly Uint8Array[] {
    const contents = toBinary(
      SegmentContentsSchema,
      create(SegmentContentsSchema, { rowCount, schema: schemaToStored(schema), sections: this.#places }),
    );
    const footer = new Uint8Array(FOOTER_BYTES);
    const view = new DataView(footer.buffer);
    view.setUint32(0, contents.length, true);
    view.setUint16(4, VERSION, true);
    view.setBigUint64(8, MAGIC, true);
    this.#file.write(contents);
    this.#file.write(footer);
    return this.#file.finish();
  }
}

/** An open file. */
export class Container {
  readonly rowCount: number;
  /** As it was when the segment was built. */
  readonly schema: Schema;
  readonly reader: CountedReader;
  readonly #sections: ReadonlyMap<string, RangeReader>;

  private constructor(contents: SegmentContents, reader: CountedReader, end: number) {
    this.rowCount = contents.rowCount;
    if (contents.schema === undefined || contents.rowCount > MAX_ROWS)
      throw damaged("has no sound table of contents");
    this.schema = schemaFromStored(contents.schema);
    this.reader = reader;
    this.#sections = sectionsOf(contents, reader, end);
    // Of every row: what is allocated for rows later is in proportion to the file.
    for (const kind of ["id-ends", "id-order", "document-ends"])
      if (this.required(kind).sizeBytes !== this.rowCount * 4)
        throw damaged("has lists of another number of rows");
  }

  /** One wave, two for a long table of contents. "data-damaged" or "format-too-new". */
  static open(file: RangeReader, checksum: Checksum): Promise<Container> {
    return Container.ofContent(new BlockReader(file, checksum));
  }

  /** The same for what lies in the blocks of a file. */
  static async ofContent(reader: CountedReader): Promise<Container> {
    const tailBytes = Math.min(TAIL_BYTES, reader.sizeBytes);
    if (tailBytes < FOOTER_BYTES) throw damaged("is shorter than its footer");
    const tail = await reader.read(reader.sizeBytes - tailBytes, tailBytes);
    const size = contentsSize(tail.subarray(tailBytes - FOOTER_BYTES));
    const end = reader.sizeBytes - FOOTER_BYTES - size;
    if (end < 0) throw damaged("has a table of contents that is larger than it");
    const inTail = tailBytes - FOOTER_BYTES - size;
    const bytes = inTail >= 0 ? tail.subarray(inTail, inTail + size) : await reader.read(end, size);
    return new Container(parseContents(bytes), reader, end);
  }

  /** Undefined: there is no such section. */
  section(kind: string, field = ""): RangeReader | undefined {
    return this.#sections.get(sectionKey(kind, field));
  }

  /** All of them. */
  *sections(): Generator<{ readonly kind: string; readonly field: string; readonly reader: RangeReader }> {
    for (const [key, reader] of this.#sections) {
      const space = key.indexOf(" ");
      yield { kind: key.slice(0, space), field: key.slice(space + 1), reader };
    }
  }

  /** A section that every segment has, or that another one says there is. */
  required(kind: string, field = ""): RangeReader {
    const reader = this.section(kind, field);
    if (reader === undefined) throw damaged(`has no section "${kind}"`);
    return reader;
  }
}

function contentsSize(footer: Uint8Array): number {
  const view = new DataView(footer.buffer, footer.byteOffset, FOOTER_BYTES);
  if (view.getBigUint64(8, true) !== MAGIC || view.getUint16(6, true) !== 0)
    throw damaged("does not end as one");
  const version = view.getUint16(4, true);
  if (version !== VERSION)
    throw new SearchError(
      "format-too-new",
      `an index segment has version ${version}, which is not known here`,
    );
  return view.getUint32(0, true);
}

function parseContents(bytes: Uint8Array): SegmentContents {
  try {
    return fromBinary(SegmentContentsSchema, bytes);
  } catch (error) {
    throw new SearchError(
      "data-damaged",
      "the table of contents of an index segment cannot be read",
      {},
      error,
    );
  }
}

function sectionsOf(
  contents: SegmentContents,
  reader: RangeReader,
  end: number,
): ReadonlyMap<string, RangeReader> {
  const sections = new Map<string, RangeReader>();
  for (const { kind, field, offset, sizeBytes } of contents.sections) {
    if (offset + sizeBytes > BigInt(end)) throw damaged("has a section outside of it");
    const key = sectionKey(kind, field);
    if (sections.has(key)) throw damaged("has a section twice");
    sections.set(key, new SectionReader(reader, { offset: Number(offset), length: Number(sizeBytes) }));
  }
  return sections;
}

function sectionKey(kind: string, field: string): string {
  return `${kind} ${field}`;
}

/** A part of a file as a file. */
class SectionReader implements RangeReader {
  readonly sizeBytes: number;
  readonly #file: RangeReader;
  readonly #offset: number;

  constructor(file: RangeReader, { offset, length }: ByteRange) {
    this.sizeBytes = length;
    this.#file = file;
    this.#offset = offset;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const [bytes] = await this.readMany([{ offset, length }]);
    return bytes ?? new Uint8Array(0);
  }

  readMany(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> {
    for (const { offset, length } of ranges)
      if (offset < 0 || length < 0 || offset + length > this.sizeBytes)
        throw damaged("is read beyond a section");
    return this.#file.readMany(
      ranges.map(({ offset, length }) => ({ offset: this.#offset + offset, length })),
    );
  }
}

function damaged(what: string): SearchError {
  return new SearchError("data-damaged", `an index segment ${what}`);
}

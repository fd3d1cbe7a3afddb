/** multipart/form-data as a stream: fields are gathered, the file flows. Source: RFC 7578, RFC 2046 section 5.1.1. */

import { GrowingBuffer } from "../../base/index.ts";
import { ObjectError } from "../../object/index.ts";
import { S3Refusal } from "../errors.ts";

/** All fields before the file together, with their heads, as S3 limits them. */
const MAX_FIELDS_BYTES = 64 * 1024;
const MAX_FIELDS = 200;
const MAX_BOUNDARY_CHARACTERS = 70;
/** Smaller pieces are put together before they are looked through: a field is looked through again whenever more of it comes. */
const LEAST_STEP_BYTES = 4 * 1024;
const CRLF = Buffer.from("\r\n");
const END_OF_HEAD = Buffer.from("\r\n\r\n");

export interface FormHead {
  /** Names in lower case; of a field that is there twice the first counts. */
  readonly fields: ReadonlyMap<string, string>;
  /** What the form calls the file, without folders. */
  readonly fileName: string;
  /** The file's own Content-Type, where its part has one. */
  readonly fileType: string | undefined;
}

/** The boundary in a Content-Type. Refuses "PreconditionFailed", as S3 does, what is no form. */
export function boundaryOf(contentType: string | undefined): string {
  const match = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(
    contentType ?? "",
  );
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined || boundary.length > MAX_BOUNDARY_CHARACTERS) {
    throw new S3Refusal(
      "PreconditionFailed",
      "Bucket POST must be of the enclosure-type multipart/form-data",
    );
  }
  return boundary;
}

export class FormReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #delimiter: Buffer;
  // The first boundary has no line break before it.
  #buffer: Buffer = CRLF;
  #received = 0;
  #ended = false;

  constructor(bytes: AsyncIterable<Uint8Array>, boundary: string) {
    this.#source = bytes[Symbol.asyncIterator]();
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  }

  /** Reads up to the first byte of the file. Refuses forms that are malformed, too large, or have no file. */
  async readHead(): Promise<FormHead> {
    const fields = new Map<string, string>();
    let sizeBytes = (await this.#upToDelimiter(MAX_FIELDS_BYTES)).length;
    for (let count = 0; ; count++) {
      if (count > MAX_FIELDS) throw malformed("The form has too many fields.");
      const head = await this.#partHead();
      if (head === undefined) {
        throw new S3Refusal("InvalidArgument", "POST requires exactly one file upload per request.", {
          ArgumentName: "file",
          ArgumentValue: "0",
        });
      }
      sizeBytes += head.sizeBytes;
      if (head.name === "file") return { fields, fileName: head.fileName, fileType: head.type };
      const value = await this.#upToDelimiter(MAX_FIELDS_BYTES - sizeBytes);
      sizeBytes += value.length;
      if (!fields.has(head.name)) fields.set(head.name, value.toString("utf8"));
    }
  }

  /** Bytes of the form that came so far and belong to what precedes the file. */
  get bytesBeforeFile(): number {
    return this.#received - this.#buffer.length;
  }

  /** The file's bytes, to its delimiter. Throws "body-truncated" when the form ends without one. */
  async *file(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = this.#buffer.indexOf(this.#delimiter);
      if (at >= 0) {
        if (at > 0) yield this.#buffer.subarray(0, at);
        this.#buffer = this.#buffer.subarray(at + this.#delimiter.length);
        return;
      }
      const safe = this.#buffer.length - this.#delimiter.length + 1;
      if (safe > 0) {
        yield this.#buffer.subarray(0, safe);
        this.#buffer = this.#buffer.subarray(safe);
      }
      if (!(await this.#more()))
        throw new ObjectError("body-truncated", "the form ends in the middle of its file");
    }
  }

  /** The rest of the form, which S3 ignores: fields behind the file. Reads it to its end. */
  async finish(): Promise<void> {
    while (await this.#more()) this.#buffer = Buffer.alloc(0);
  }

  async #upToDelimiter(limitBytes: number): Promise<Buffer> {
    for (;;) {
      const at = this.#buffer.indexOf(this.#delimiter);
      if (at > limitBytes || (at < 0 && this.#buffer.length > limitBytes + this.#delimiter.length)) {
        throw new S3Refusal("MaxPostPreDataLengthExceeded");
      }
      if (at >= 0) {
        const text = Buffer.from(this.#buffer.subarray(0, at));
        this.#buffer = this.#buffer.subarray(at + this.#delimiter.length);
        return text;
      }
      if (!(await this.#more())) throw malformed("The form ends without its closing boundary.");
    }
  }

  /** Behind a delimiter: undefined at the end of the form. */
  async #partHead(): Promise<
    | {
        readonly name: string;
        readonly fileName: string;
        readonly type: string | undefined;
        readonly sizeBytes: number;
      }
    | undefined
  > {
    while (this.#buffer.length < 2) {
      if (!(await this.#more())) throw malformed("The form ends without its closing boundary.");
    }
    if (this.#buffer.subarray(0, 2).toString("latin1") === "--") return undefined;
    let end = this.#buffer.indexOf(END_OF_HEAD);
    while (end < 0) {
      if (this.#buffer.length > MAX_FIELDS_BYTES + END_OF_HEAD.length) {
        throw new S3Refusal("MaxPostPreDataLengthExceeded");
      }
      if (!(await this.#more())) throw malformed("The form ends in the head of a field.");
      end = this.#buffer.indexOf(END_OF_HEAD);
    }
    // However the form was cut into pieces.
    if (end > MAX_FIELDS_BYTES) throw new S3Refusal("MaxPostPreDataLengthExceeded");
    const text = this.#buffer.subarray(0, end).toString("utf8");
    this.#buffer = this.#buffer.subarray(end + END_OF_HEAD.length);
    return { ...parsePartHead(text), sizeBytes: end };
  }

  async #more(): Promise<boolean> {
    const gathered = new GrowingBuffer(LEAST_STEP_BYTES);
    while (!this.#ended && gathered.sizeBytes < LEAST_STEP_BYTES) {
      const next = await this.#source.next();
      if (next.done === true) this.#ended = true;
      else gathered.append(next.value);
    }
    if (gathered.sizeBytes === 0) return false;
    const { buffer, byteOffset, length } = gathered.bytes();
    const bytes = Buffer.from(buffer, byteOffset, length);
    this.#received += length;
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
    return true;
  }
}

function parsePartHead(text: string): { name: string; fileName: string; type: string | undefined } {
  let disposition: string | undefined;
  let type: string | undefined;
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    const header = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (header === "content-disposition") disposition = line.slice(colon + 1);
    if (header === "content-type") type = line.slice(colon + 1).trim();
  }
  const name = parameterOf(disposition, "name");
  if (name === undefined) throw malformed("A field of the form has no name.");
  const path = parameterOf(disposition, "filename") ?? "";
  return { name: name.toLowerCase(), fileName: path.slice(path.lastIndexOf("/") + 1), type };
}

function parameterOf(disposition: string | undefined, parameter: string): string | undefined {
  const match = new RegExp(`;\\s*${parameter}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]+))`, "i").exec(
    disposition ?? "",
  );
  return match?.[1]?.replaceAll(/\\(.)/g, "$1") ?? match?.[2];
}

function malformed(message: string): S3Refusal {
  return new S3Refusal("MalformedPOSTRequest", message);
}

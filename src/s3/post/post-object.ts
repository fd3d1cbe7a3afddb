/** POST of a form by a browser: it is read up to its file, and from there on it is a PutObject. */

import { GrowingBuffer } from "../../base/index.ts";
import type { BodySource } from "../../object/index.ts";
import { invalidArgument, S3Refusal } from "../errors.ts";
import { NO_BODY, type RequestHeaders, type S3Request, type S3Response, toHeaderValue } from "../http.ts";
import { MAX_SINGLE_PUT_BYTES } from "../limits.ts";
import { parseWhole } from "../parse/fields.ts";
import { percentEncode, percentEncodePath } from "../parse/percent.ts";
import { childrenOf, readXml, textOf } from "../xml/reader.ts";
import { XmlWriter } from "../xml/writer.ts";
import { boundaryOf, type FormHead, FormReader } from "./form-reader.ts";
import { checkLength, checkPolicy, type FileLength, type PostPolicy, parsePolicy } from "./policy.ts";

/** A file up to this size is held in memory, so that fields may follow it; a larger one must be the form's last field. */
const MAX_HELD_FILE_BYTES = 1024 * 1024;
/** What ends a form, behind its boundary. The line break need not be there (RFC 2046, section 5.1.1), which is seen only when all of the file has come. */
const END_OF_FORM = "--\r\n";
const OPTIONAL_END_BYTES = 2;
const MAX_REDIRECT_CHARACTERS = 2048;

/** A form that was read up to its file. */
export interface PostForm {
  readonly key: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly policy: PostPolicy | undefined;
  /** What a PutObject of this file would have in its head. */
  readonly headers: RequestHeaders;
  readonly file: BodySource;
}

/** Reads the fields of a form. Whoever sent it is not known yet: its fields and a small file are held, and nothing else. */
export async function readForm(request: S3Request, bucket: string): Promise<PostForm> {
  const boundary = boundaryOf(request.headers.get("content-type"));
  const reader = new FormReader(request.body, boundary);
  const head = await reader.readHead();
  const key = keyOf(head);
  // A policy speaks of the bucket, and of the key as it will be stored.
  const fields = new Map([...head.fields, ["bucket", bucket], ["key", key]]);
  const policyText = head.fields.get("policy");
  const policy = policyText === undefined ? undefined : parsePolicy(policyText);
  const file = await fileOf(request, reader, { boundary, policy });
  return { key, fields, policy, headers: headersOf(head, file.sizeBytes), file };
}

/** Refuses a form that is signed and does not keep its policy. */
export function checkForm(form: PostForm, nowMs: number): void {
  if (form.policy === undefined) return;
  checkPolicy(form.policy, form.fields, nowMs);
  checkLength(form.policy, form.file);
}

function keyOf({ fields, fileName }: FormHead): string {
  const key = fields.get("key");
  if (key === undefined || key === "") {
    throw invalidArgument(
      "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
      "key",
      "",
    );
  }
  return key.replaceAll(/\$\{filename\}/g, () => fileName);
}

/** The length of a file is known when it is held, or else, up to a line break, from what follows the last field of a form. */
async function fileOf(
  request: S3Request,
  reader: FormReader,
  { boundary, policy }: { readonly boundary: string; readonly policy: PostPolicy | undefined },
): Promise<BodySource> {
  const totalBytes = parseWhole(request.headers.get("content-length") ?? "");
  const tailBytes = `\r\n--${boundary}${END_OF_FORM}`.length;
  const sizeBytes = totalBytes === undefined ? 0 : totalBytes - reader.bytesBeforeFile - tailBytes;
  if (sizeBytes + OPTIONAL_END_BYTES > MAX_HELD_FILE_BYTES) {
    if (sizeBytes > MAX_SINGLE_PUT_BYTES) throw new S3Refusal("EntityTooLarge");
    const length = { sizeBytes, slackBytes: OPTIONAL_END_BYTES };
    return { ...length, bytes: wholeFile(reader, length, policy), expected: {} };
  }
  const held = await hold(reader);
  return { sizeBytes: held.length, bytes: once(held), expected: {} };
}

/** The length was promised before the first byte: what stands behind the file, but for the end of the form, is found out only at its end. */
async function* wholeFile(
  reader: FormReader,
  { sizeBytes, slackBytes }: Required<FileLength>,
  policy: PostPolicy | undefined,
): AsyncGenerator<Uint8Array> {
  let receivedBytes = 0;
  for await (const piece of reader.file()) {
    receivedBytes += piece.length;
    if (receivedBytes > sizeBytes + slackBytes) break;
    yield piece;
  }
  if (receivedBytes < sizeBytes || receivedBytes > sizeBytes + slackBytes) {
    throw new S3Refusal(
      "MalformedPOSTRequest",
      `A file of more than ${MAX_HELD_FILE_BYTES} bytes must be the form's last field, and nothing but CRLF may follow the closing boundary.`,
    );
  }
  if (receivedBytes > MAX_SINGLE_PUT_BYTES) throw new S3Refusal("EntityTooLarge");
  if (policy !== undefined) checkLength(policy, { sizeBytes: receivedBytes });
  await reader.finish();
}

async function hold(reader: FormReader): Promise<Uint8Array> {
  const held = new GrowingBuffer(MAX_HELD_FILE_BYTES);
  for await (const piece of reader.file()) {
    if (held.sizeBytes + piece.length > MAX_HELD_FILE_BYTES) throw new S3Refusal("MissingContentLength");
    held.append(piece);
  }
  await reader.finish();
  return held.bytes();
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

const RENAMED: ReadonlyMap<string, string> = new Map([["acl", "x-amz-acl"]]);
const KEPT_FIELDS: ReadonlySet<string> = new Set([
  "content-type",
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "expires",
]);
const OF_THE_SIGNATURE: ReadonlySet<string> = new Set([
  "x-amz-algorithm",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-signature",
  "x-amz-security-token",
]);

function headersOf(head: FormHead, sizeBytes: number): RequestHeaders {
  const headers = new Map<string, string>([["content-length", String(sizeBytes)]]);
  for (const [field, value] of head.fields) {
    const name = RENAMED.get(field) ?? field;
    if (OF_THE_SIGNATURE.has(name)) continue;
    if (name.startsWith("x-amz-") || KEPT_FIELDS.has(name)) headers.set(name, toHeaderValue(value));
    if (name === "tagging") headers.set("x-amz-tagging", taggingHeader(value));
  }
  return headers;
}

/** A form has tags as a document, a PutObject as parameters. */
function taggingHeader(document: string): string {
  const [set] = childrenOf(readXml(Buffer.from(document, "utf8"), "Tagging"), ["TagSet"]);
  const tags = set === undefined ? [] : childrenOf(set, ["Tag"]);
  return tags
    .map((tag) => `${percentEncode(textOf(tag, "Key") ?? "")}=${percentEncode(textOf(tag, "Value") ?? "")}`)
    .join("&");
}

/** The file of a form as the body of a request. */
export function asPut(request: S3Request, form: PostForm): S3Request {
  const { target, remoteAddress, secure, signal } = request;
  const { slackBytes } = form.file;
  return {
    method: "PUT",
    target,
    headers: form.headers,
    body: form.file.bytes,
    ...(slackBytes !== undefined && { slackBytes }),
    remoteAddress,
    secure,
    signal,
  };
}

/** The answer that the form asked for. */
export function renderPosted(
  form: PostForm,
  bucket: string,
  put: S3Response,
  request: S3Request,
): S3Response {
  const etag = headerOf(put, "ETag") ?? "";
  const scheme = request.secure ? "https" : "http";
  const location = `${scheme}://${request.headers.get("host") ?? ""}/${percentEncodePath(`${bucket}/${form.key}`)}`;
  const redirect = redirectOf(form, bucket, etag);
  if (redirect !== undefined) {
    return { status: 303, headers: [...put.headers, "Location", redirect], body: NO_BODY };
  }
  const headers = [...put.headers, "Location", location];
  const status = form.fields.get("success_action_status");
  if (status === "200") return { status: 200, headers, body: NO_BODY };
  if (status !== "201") return { status: 204, headers, body: NO_BODY };
  const text = new XmlWriter("PostResponse")
    .leaf("Location", location)
    .leaf("Bucket", bucket)
    .leaf("Key", form.key)
    .leaf("ETag", etag)
    .end();
  return {
    status: 201,
    headers: [...headers, "Content-Type", "application/xml"],
    body: { kind: "text", text },
  };
}

/** Where the browser is to go on; a URL that cannot be one is ignored, as S3 does. */
function redirectOf(form: PostForm, bucket: string, etag: string): string | undefined {
  const wanted = form.fields.get("success_action_redirect") ?? form.fields.get("redirect");
  if (wanted === undefined || wanted.length > MAX_REDIRECT_CHARACTERS || !URL.canParse(wanted))
    return undefined;
  // As it was sent it may hold what no header can.
  const { protocol, href } = new URL(wanted);
  if (protocol !== "http:" && protocol !== "https:") return undefined;
  const parameters = `bucket=${percentEncode(bucket)}&key=${percentEncode(form.key)}&etag=${percentEncode(etag)}`;
  return `${href}${href.includes("?") ? "&" : "?"}${parameters}`;
}

function headerOf(response: S3Response, name: string): string | undefined {
  const at = response.headers.indexOf(name);
  return at < 0 ? undefined : response.headers[at + 1];
}

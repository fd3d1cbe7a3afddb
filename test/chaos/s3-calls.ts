/** One operation of a history as a request of the AWS SDK. */
import { createHash } from "node:crypto";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { ObjectInput, ObjectOutput } from "../../src/sim/checkers/linearizability/index.ts";

/** S3's least size of a part that is not the last. */
const PART_BYTES = 5 * 1024 * 1024;

export interface S3Call {
  readonly input: ObjectInput;
  /** Of a put: one part, or several, which are uploaded as such. */
  readonly parts?: readonly Buffer[];
}

export interface S3Answer {
  readonly output: ObjectOutput;
  /** What is wrong with the answer in itself: an ETag that is not that of the bytes. */
  readonly wrong?: string;
}

type Of<Kind extends ObjectInput["kind"]> = Extract<ObjectInput, { kind: Kind }>;

/** Rejects with what the SDK throws. */
export function sendCall(
  client: S3Client,
  { input, parts = [] }: S3Call,
  abortSignal: AbortSignal,
): Promise<S3Answer> {
  switch (input.kind) {
    case "put":
      return parts.length > 1
        ? putInParts(client, input, parts, abortSignal)
        : put(client, input, parts[0] ?? Buffer.alloc(0), abortSignal);
    case "get":
      return get(client, input, abortSignal);
    case "head":
      return head(client, input, abortSignal);
    case "delete":
      return remove(client, input, abortSignal);
    case "list":
      return list(client, input, abortSignal);
  }
}

async function put(
  client: S3Client,
  input: Of<"put">,
  Body: Buffer,
  abortSignal: AbortSignal,
): Promise<S3Answer> {
  const at = { Bucket: input.bucket, Key: input.key };
  const command = new PutObjectCommand({ ...at, Body, ...conditionsOf(input) });
  const { ETag } = await client.send(command, { abortSignal });
  return { output: { kind: "done" }, ...mismatch(ETag, input.content) };
}

/** Only the last request has an effect that others see, so that the four are one put. */
async function putInParts(
  client: S3Client,
  input: Of<"put">,
  parts: readonly Buffer[],
  abortSignal: AbortSignal,
): Promise<S3Answer> {
  const at = { Bucket: input.bucket, Key: input.key };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(at), { abortSignal });
  const Parts: { ETag: string | undefined; PartNumber: number }[] = [];
  for (const [index, Body] of parts.entries()) {
    const PartNumber = index + 1;
    const part = new UploadPartCommand({ ...at, UploadId, PartNumber, Body });
    const { ETag } = await client.send(part, { abortSignal });
    Parts.push({ ETag, PartNumber });
  }
  const complete = { ...at, UploadId, MultipartUpload: { Parts }, ...conditionsOf(input) };
  const { ETag } = await client.send(new CompleteMultipartUploadCommand(complete), { abortSignal });
  return { output: { kind: "done" }, ...mismatch(ETag, input.content) };
}

function conditionsOf({ ifMatch, ifAbsent }: Of<"put">) {
  return {
    ...(ifMatch !== undefined && { IfMatch: `"${ifMatch}"` }),
    ...(ifAbsent === true && { IfNoneMatch: "*" }),
  };
}

async function get(client: S3Client, input: Of<"get">, abortSignal: AbortSignal): Promise<S3Answer> {
  const command = new GetObjectCommand({ Bucket: input.bucket, Key: input.key });
  const { Body, ETag } = await client.send(command, { abortSignal });
  const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
  const parts = Number(/-(\d+)$/.exec(unquoted(ETag))?.[1] ?? 1);
  // Where the parts began is known: all but the last have the same size.
  const content = contentNameOf(parts === 1 ? [bytes] : cut(bytes));
  return { output: { kind: "found", content }, ...mismatch(ETag, content) };
}

async function head(client: S3Client, input: Of<"head">, abortSignal: AbortSignal): Promise<S3Answer> {
  const command = new HeadObjectCommand({ Bucket: input.bucket, Key: input.key });
  const { ETag } = await client.send(command, { abortSignal });
  return { output: { kind: "found", content: unquoted(ETag) } };
}

async function remove(client: S3Client, input: Of<"delete">, abortSignal: AbortSignal): Promise<S3Answer> {
  await client.send(new DeleteObjectCommand({ Bucket: input.bucket, Key: input.key }), { abortSignal });
  return { output: { kind: "done" } };
}

async function list(client: S3Client, input: Of<"list">, abortSignal: AbortSignal): Promise<S3Answer> {
  const { bucket: Bucket, prefix: Prefix, after, limit: MaxKeys } = input;
  const command = new ListObjectsV2Command({
    Bucket,
    Prefix,
    MaxKeys,
    ...(after !== "" && { StartAfter: after }),
  });
  const { Contents = [], IsTruncated = false } = await client.send(command, { abortSignal });
  const objects = Contents.map(({ Key = "", ETag }) => ({ key: Key, content: unquoted(ETag) }));
  return { output: { kind: "listed", objects, isTruncated: IsTruncated } };
}

function mismatch(etag: string | undefined, content: string): { readonly wrong?: string } {
  return unquoted(etag) === content ? {} : { wrong: `bytes of MD5 ${content} have the ETag ${etag}` };
}

function unquoted(etag: string | undefined): string {
  return etag?.replaceAll('"', "") ?? "";
}

/** The ETag that S3 gives an object of these parts. */
export function contentNameOf(parts: readonly Uint8Array[]): string {
  const digests = parts.map((part) => createHash("md5").update(part).digest());
  if (parts.length === 1) return digests[0]?.toString("hex") ?? "";
  return `${createHash("md5").update(Buffer.concat(digests)).digest("hex")}-${parts.length}`;
}

/** Parts as large as S3's least, and what remains. */
export function cut(bytes: Uint8Array): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += PART_BYTES)
    parts.push(Buffer.from(bytes.subarray(at, at + PART_BYTES)));
  return parts;
}

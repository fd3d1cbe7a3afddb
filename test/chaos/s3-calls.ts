/** One operation of a history as a request of the AWS SDK. */
import { createHash } from "node:crypto";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { ObjectInput, ObjectOutput } from "../../src/sim/checkers/linearizability/index.ts";

export interface S3Call {
  readonly input: ObjectInput;
  /** Of a put. */
  readonly body?: Buffer;
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
  { input, body }: S3Call,
  abortSignal: AbortSignal,
): Promise<S3Answer> {
  switch (input.kind) {
    case "put":
      return put(client, input, body ?? Buffer.alloc(0), abortSignal);
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
  const conditions = {
    ...(input.ifMatch !== undefined && { IfMatch: `"${input.ifMatch}"` }),
    ...(input.ifAbsent === true && { IfNoneMatch: "*" }),
  };
  const command = new PutObjectCommand({ Bucket: input.bucket, Key: input.key, Body, ...conditions });
  const { ETag } = await client.send(command, { abortSignal });
  return { output: { kind: "done" }, ...mismatch(ETag, input.content) };
}

async function get(client: S3Client, input: Of<"get">, abortSignal: AbortSignal): Promise<S3Answer> {
  const command = new GetObjectCommand({ Bucket: input.bucket, Key: input.key });
  const { Body, ETag } = await client.send(command, { abortSignal });
  const content = md5Of((await Body?.transformToByteArray()) ?? new Uint8Array());
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

export function md5Of(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

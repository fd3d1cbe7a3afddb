import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  type Conditions,
  GetObjectResponseSchema,
  ObjectSchema,
  type ObjectService,
  type PutObjectHeader,
  type PutObjectRequest,
} from "../gen/skerry/storage/v1/storage_pb.js";
import {
  type BodySource,
  type ListedObject,
  type ObjectAttributes,
  ObjectError,
  type ObjectInfo,
  type ObjectStore,
  type Preconditions,
  type PutObjectResult,
} from "../object/index.ts";
import type { Guard } from "./guard.ts";
import { HELD_BYTES } from "./message-memory.ts";
import { pageSize, parsePageToken, toPageToken } from "./pages.ts";

/** Bytes in one message of a download. */
const DATA_MESSAGE_BYTES = 1024 * 1024;

export function objectService(objects: ObjectStore, guard: Guard): ServiceImpl<typeof ObjectService> {
  return {
    async putObject(requests, context) {
      const messages = requests[Symbol.asyncIterator]();
      const header = await firstHeader(messages);
      const { bucket, key } = header;
      return guard.unary("ObjectService/PutObject", context, [{ bucket, key }], async ({ principal }) => {
        const result = await objects.putObject({
          bucket,
          key,
          body: bodyOf(header, messages, () => context.values.get(HELD_BYTES)?.passOn()),
          attributes: attributesOf(header),
          ...preconditionsOf(header.conditions),
          owner: principal.owner,
          signal: context.signal,
        });
        return { object: writtenMessage(key, result, header.contentType) };
      });
    },
    getObject: ({ bucket, key, offset, length }, context) =>
      guard.stream("ObjectService/GetObject", context, [{ bucket, key }], async function* () {
        const ranged = offset > 0n || length > 0n;
        const first = Number(offset);
        const result = await objects.getObject({
          bucket,
          key,
          ...(ranged && {
            range: { kind: "from-to", first, last: length === 0n ? undefined : first + Number(length) - 1 },
          }),
          caller: context,
        });
        yield create(GetObjectResponseSchema, { part: { case: "object", value: infoMessage(result.info) } });
        for await (const piece of result.body) {
          for (let at = 0; at < piece.length; at += DATA_MESSAGE_BYTES) {
            const value = piece.subarray(at, at + DATA_MESSAGE_BYTES);
            yield create(GetObjectResponseSchema, { part: { case: "data", value } });
          }
        }
      }),
    headObject: ({ bucket, key }, context) =>
      guard.unary("ObjectService/HeadObject", context, [{ bucket, key }], async () => ({
        object: infoMessage(await objects.headObject({ bucket, key })),
      })),
    deleteObject: ({ bucket, key, conditions }, context) =>
      guard.unary("ObjectService/DeleteObject", context, [{ bucket, key }], async () => {
        await objects.deleteObject({ bucket, key, ...preconditionsOf(conditions) });
        return {};
      }),
    copyObject: (request, context) => {
      const { bucket, key, sourceBucket, sourceKey } = request;
      const touches = [
        { bucket, key },
        { bucket: sourceBucket, key: sourceKey },
      ];
      return guard.unary("ObjectService/CopyObject", context, touches, async ({ principal }) => {
        const result = await objects.copyObject({
          sourceBucket,
          sourceKey,
          bucket,
          key,
          attributes: undefined,
          signal: context.signal,
          ...preconditionsOf(request.conditions),
          owner: principal.owner,
        });
        return { object: writtenMessage(key, result, "") };
      });
    },
    listObjects: (request, context) =>
      guard.unary("ObjectService/ListObjects", context, [{ bucket: request.bucket }], async () => {
        const page = await objects.listObjects({
          bucket: request.bucket,
          prefix: request.prefix,
          delimiter: request.delimiter,
          after: parsePageToken(request.pageToken),
          limit: pageSize(request.pageSize),
        });
        return {
          objects: page.objects.map(listedMessage),
          commonPrefixes: [...page.commonPrefixes],
          nextPageToken: toPageToken(page.next),
        };
      }),
  };
}

async function firstHeader(messages: AsyncIterator<PutObjectRequest>): Promise<PutObjectHeader> {
  const first = await messages.next();
  const part = first.done ? undefined : first.value.part;
  if (part?.case !== "header") {
    throw new ConnectError("the first message of a PutObject is its header", Code.InvalidArgument);
  }
  return part.value;
}

/** `passedOn` is called when a message has gone where it belongs. */
function bodyOf(
  header: PutObjectHeader,
  messages: AsyncIterator<PutObjectRequest>,
  passedOn: () => void,
): BodySource {
  const sizeBytes = Number(header.size);
  return { sizeBytes, bytes: dataOf(messages, sizeBytes, passedOn), expected: {} };
}

async function* dataOf(
  messages: AsyncIterator<PutObjectRequest>,
  sizeBytes: number,
  passedOn: () => void,
): AsyncIterable<Uint8Array> {
  let received = 0;
  for (;;) {
    const next = await messages.next();
    if (next.done) break;
    const { part } = next.value;
    if (part.case !== "data")
      throw new ObjectError("body-malformed", "after the header come only data messages");
    received += part.value.length;
    if (received > sizeBytes)
      throw new ObjectError("body-too-long", `more than the ${sizeBytes} bytes of the header`);
    yield part.value;
    passedOn();
  }
  if (received < sizeBytes) {
    throw new ObjectError("body-truncated", `${received} of the ${sizeBytes} bytes of the header`);
  }
}

function attributesOf(header: PutObjectHeader): ObjectAttributes {
  return {
    contentType: header.contentType || "application/octet-stream",
    headers: new Map(),
    userMetadata: new Map(
      Object.entries(header.userMetadata).map(([name, value]) => [name.toLowerCase(), value]),
    ),
    storageClass: "STANDARD",
  };
}

function preconditionsOf(conditions: Conditions | undefined): { readonly preconditions?: Preconditions } {
  if (conditions === undefined) return {};
  return {
    preconditions: {
      ...(conditions.ifMatch !== "" && { ifMatch: [conditions.ifMatch] }),
      ...(conditions.ifNoneMatch !== "" && { ifNoneMatch: [conditions.ifNoneMatch] }),
    },
  };
}

function infoMessage(info: ObjectInfo) {
  return create(ObjectSchema, {
    key: info.key,
    size: BigInt(info.size),
    etag: info.etag,
    modifiedAtMs: BigInt(info.modifiedAtMs),
    contentType: info.attributes.contentType,
    userMetadata: Object.fromEntries(info.attributes.userMetadata),
  });
}

function listedMessage(object: ListedObject) {
  return create(ObjectSchema, {
    key: object.key,
    size: BigInt(object.size),
    etag: object.etag,
    modifiedAtMs: BigInt(object.modifiedAtMs),
  });
}

function writtenMessage(key: string, result: PutObjectResult, contentType: string) {
  return create(ObjectSchema, {
    key,
    size: BigInt(result.size),
    etag: result.etag,
    modifiedAtMs: BigInt(result.modifiedAtMs),
    contentType,
  });
}

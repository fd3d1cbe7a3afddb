import {
  type CustomerKey,
  type GetObjectResult,
  ObjectError,
  type ObjectInfo,
  objectAccessOf,
} from "../../object/index.ts";
import { customerKey } from "../encryption/request.ts";
import { expirationHeaders } from "../features/lifecycle/expiration-header.ts";
import type { S3Response } from "../http.ts";
import type { GetObject, HeadObject } from "../operation.ts";
import { parseHttpDate, unquoteEtag } from "../parse/fields.ts";
import { objectHeaders } from "../render/object-headers.ts";
import type { Call, Handlers } from "./call.ts";

export const readObjectHandlers: Handlers<"GetObject" | "HeadObject"> = {
  GetObject: async (operation, call) => {
    const result = await open(operation, call);
    return {
      status: statusOf(result),
      headers: readHeaders(operation, result, call),
      body:
        result.held === undefined
          ? { kind: "stream", lengthBytes: result.length, bytes: result.body }
          : { kind: "bytes", bytes: result.held },
    };
  },

  HeadObject: async (operation, call) => {
    // Only the read path knows what a range or a part comes to; its bytes are not asked for.
    if (operation.range !== undefined) return headOfRange(operation, call);
    const info = await admitted(operation, call, () =>
      call.store.headObject({
        bucket: operation.bucket,
        key: operation.key,
        versionId: operation.versionId,
        ...customerKeyOf(call),
        ...(operation.preconditions && { preconditions: operation.preconditions }),
      }),
    );
    call.admit?.(objectAccessOf(info));
    const headers = objectHeaders(info, {
      overrides: operation.overrides,
      checksum: operation.checksumMode,
      request: call.headers,
    });
    headers.push(...expirationOfRead(operation, info, call));
    return { status: 200, headers, body: { kind: "omitted", lengthBytes: info.size } };
  },
};

async function headOfRange(operation: HeadObject, call: Call): Promise<S3Response> {
  const result = await open(operation, call);
  await abandon(result);
  return {
    status: statusOf(result),
    headers: readHeaders(operation, result, call),
    body: { kind: "omitted", lengthBytes: result.length },
  };
}

/** An empty part of an empty object has no range that could be written down. */
function statusOf(result: GetObjectResult): number {
  return result.partial && result.length > 0 ? 206 : 200;
}

async function abandon(result: GetObjectResult): Promise<void> {
  if (result.held !== undefined) return;
  await result.body[Symbol.asyncIterator]().return?.();
}

function open(operation: GetObject | HeadObject, call: Call): Promise<GetObjectResult> {
  if (call.admit === undefined) return openUnjudged(operation, call);
  return admitted(operation, call, async () => {
    const result = await openUnjudged(operation, call);
    try {
      call.admit?.(objectAccessOf(result.info));
    } catch (error) {
      await abandon(result);
      throw error;
    }
    return result;
  });
}

function openUnjudged(operation: GetObject | HeadObject, call: Call): Promise<GetObjectResult> {
  return operation.ifRange !== undefined && operation.range !== undefined
    ? openIfRange(operation, call)
    : get(operation, call, operation.range);
}

/** Shows nothing of what was found, nor that nothing was, nor what it is not, before it has been judged. */
async function admitted<T>(
  operation: GetObject | HeadObject,
  call: Call,
  read: () => Promise<T>,
): Promise<T> {
  const { admit } = call;
  if (admit === undefined) return read();
  try {
    return await read();
  } catch (error) {
    // Whatever a refusal says of the object, its existence included, is only for those who may read it.
    if (error instanceof ObjectError) admit(await call.store.objectAccess(operation));
    throw error;
  }
}

function get(
  operation: GetObject | HeadObject,
  call: Call,
  range: GetObject["range"],
): Promise<GetObjectResult> {
  return call.store.getObject({
    bucket: operation.bucket,
    key: operation.key,
    versionId: operation.versionId,
    caller: call.request,
    ...customerKeyOf(call),
    ...(operation.preconditions && { preconditions: operation.preconditions }),
    ...(range && { range }),
  });
}

/** The range of the object that the client knows, or else the whole of the present one. */
async function openIfRange(operation: GetObject | HeadObject, call: Call): Promise<GetObjectResult> {
  const { bucket, key, versionId, ifRange = "" } = operation;
  const info = await call.store.headObject({ bucket, key, versionId, ...customerKeyOf(call) });
  if (!isUnchanged(ifRange, info)) return get(operation, call, undefined);
  const result = await get(operation, call, operation.range);
  // Replaced between the two: its range would not be the one that the client wants to add to what it has.
  if (result.info.etag === info.etag) return result;
  await abandon(result);
  return get(operation, call, undefined);
}

/** RFC 9110, section 13.1.5: an ETag is compared strongly, a date must be the same second. */
function isUnchanged(ifRange: string, info: ObjectInfo): boolean {
  const text = ifRange.trim();
  if (text.startsWith("W/")) return false;
  if (text.startsWith('"')) return unquoteEtag(text) === info.etag;
  const dateMs = parseHttpDate(text);
  return dateMs !== undefined && Math.floor(info.modifiedAtMs / 1000) === Math.floor(dateMs / 1000);
}

/** The key of an object that is encrypted under one of its client's. */
export function customerKeyOf(call: Call): { readonly customerKey?: CustomerKey } {
  const key = customerKey(call);
  return key === undefined ? {} : { customerKey: key };
}

/** Rules about current versions say nothing about one that was asked for by its id. */
function expirationOfRead(
  { bucket, versionId }: GetObject | HeadObject,
  { key, size, modifiedAtMs, attributes }: ObjectInfo,
  call: Call,
): readonly string[] {
  if (versionId !== undefined) return [];
  return expirationHeaders(call.store, { bucket, key, size, modifiedAtMs, tags: attributes.tags });
}

function readHeaders(operation: GetObject | HeadObject, result: GetObjectResult, call: Call): string[] {
  const { info, partial, partChecksum } = result;
  // A part has a checksum of its own; a range has none.
  const shown = partChecksum === undefined ? info : { ...info, checksum: partChecksum };
  const headers = objectHeaders(shown, {
    overrides: operation.overrides,
    checksum: operation.checksumMode && (!partial || partChecksum !== undefined),
    request: call.headers,
  });
  headers.push(...expirationOfRead(operation, info, call));
  if (partial) {
    const last = result.first + result.length - 1;
    if (result.length > 0) headers.push("Content-Range", `bytes ${result.first}-${last}/${info.size}`);
  }
  if (operation.range?.kind === "part" && info.partsCount !== undefined) {
    headers.push("x-amz-mp-parts-count", String(info.partsCount));
  }
  return headers;
}

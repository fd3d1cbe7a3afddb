import type {
  Checksum,
  CompleteUploadRequest,
  ListPartsResult,
  ListUploadsResult,
} from "../../object/index.ts";
import { openBody } from "../body/open-body.ts";
import { checkRequiredDigest } from "../body/required-digest.ts";
import { readWholeBody } from "../body/whole-body.ts";
import { encryptionHeaders } from "../encryption/answer.ts";
import { requestedEncryption, sourceCustomerKey } from "../encryption/request.ts";
import { NO_BODY } from "../http.ts";
import { MAX_PART_NUMBER } from "../limits.ts";
import type { CompleteMultipartUpload, ListMultipartUploads, ListParts } from "../operation.ts";
import { CHECKSUM_ALGORITHMS, isChecksumValue } from "../parse/checksum.ts";
import { parseWhole, unquoteEtag } from "../parse/fields.ts";
import { percentEncodePath } from "../parse/percent.ts";
import { xmlResponse } from "../render/document.ts";
import { newVersionHeaders, sourceVersionHeaders, storedHeaders } from "../render/object-headers.ts";
import {
  renderCompleted,
  renderCopied,
  renderInitiated,
  renderParts,
  renderUploads,
} from "../render/uploads.ts";
import { childrenOf, malformed, readXml, textOf, type XmlElement } from "../xml/reader.ts";
import { NO_CONTENT } from "./buckets.ts";
import type { Call, Handlers } from "./call.ts";
import { ownershipOf } from "./ownership.ts";
import { customerKeyOf } from "./read-object.ts";

type Names =
  | "CreateMultipartUpload"
  | "UploadPart"
  | "UploadPartCopy"
  | "CompleteMultipartUpload"
  | "AbortMultipartUpload"
  | "ListParts"
  | "ListMultipartUploads";

export const uploadHandlers: Handlers<Names> = {
  CreateMultipartUpload: async (operation, call) => {
    const { bucket, key, attributes, checksumAlgorithm, checksumType } = operation;
    const { owner, acl } = ownershipOf(operation, call);
    const encryption = requestedEncryption(call);
    const { uploadId, encryption: encrypted } = await call.store.createUpload({
      bucket,
      key,
      attributes: acl === undefined ? attributes : { ...attributes, acl },
      owner,
      checksumAlgorithm,
      checksumType,
      ...(encryption && { encryption }),
    });
    const headers = [...encryptionHeaders(encrypted, call.headers)];
    if (checksumAlgorithm !== undefined) {
      const type = checksumType ?? (checksumAlgorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE");
      headers.push("x-amz-checksum-algorithm", checksumAlgorithm, "x-amz-checksum-type", type);
    }
    return xmlResponse(renderInitiated(bucket, key, uploadId), headers);
  },

  UploadPart: async (operation, call) => {
    const body = openBody(call.request, call.headers, call.authenticated);
    checkRequiredDigest(body, call.requiredDigest);
    const result = await call.store.uploadPart({
      bucket: operation.bucket,
      key: operation.key,
      uploadId: operation.uploadId,
      partNumber: operation.partNumber,
      body,
      signal: call.request.signal,
      ...customerKeyOf(call),
    });
    return { status: 200, headers: storedHeaders(result, call.headers), body: NO_BODY };
  },

  UploadPartCopy: async (operation, call) => {
    const { source } = operation;
    const sourceKey = sourceCustomerKey(call);
    const result = await call.store.uploadPartCopy({
      bucket: operation.bucket,
      key: operation.key,
      uploadId: operation.uploadId,
      partNumber: operation.partNumber,
      sourceBucket: source.bucket,
      sourceKey: source.key,
      sourceVersionId: source.versionId,
      range: operation.range,
      signal: call.request.signal,
      ...(source.preconditions && { sourcePreconditions: source.preconditions }),
      ...(sourceKey && { sourceCustomerKey: sourceKey }),
      ...customerKeyOf(call),
    });
    return xmlResponse(renderCopied("CopyPartResult", result), [
      ...sourceVersionHeaders(result),
      ...encryptionHeaders(result.encryption, call.headers),
    ]);
  },

  CompleteMultipartUpload: async (operation, call) => {
    const body = openBody(call.request, withoutObjectChecksum(call), call.authenticated);
    const parts = readCompletion(await readWholeBody(body, call.hasher));
    const result = await call.store.completeUpload({
      bucket: operation.bucket,
      key: operation.key,
      uploadId: operation.uploadId,
      parts,
      ...(operation.preconditions && { preconditions: operation.preconditions }),
      ...(operation.checksum && { checksum: operation.checksum }),
      ...(operation.checksumType && { checksumType: operation.checksumType }),
      ...(operation.sizeBytes !== undefined && { size: operation.sizeBytes }),
      ...customerKeyOf(call),
    });
    const document = renderCompleted(operation, result, locationOf(operation, call));
    return xmlResponse(document, [
      ...newVersionHeaders(result),
      ...encryptionHeaders(result.encryption, call.headers),
    ]);
  },

  AbortMultipartUpload: async ({ bucket, key, uploadId }, call) => {
    await call.store.abortUpload({ bucket, key, uploadId });
    return NO_CONTENT;
  },

  ListParts: async (operation, call) => xmlResponse(renderParts(operation, await listParts(operation, call))),

  ListMultipartUploads: async (operation, call) =>
    xmlResponse(renderUploads(operation, await listUploads(operation, call))),
};

/** On completion, x-amz-checksum-* speaks of the object and not of the document in the body. */
function withoutObjectChecksum(call: Call): Call["headers"] {
  const headers = new Map(call.headers);
  for (const name of call.headers.keys()) {
    if (name.startsWith("x-amz-checksum-") || name === "x-amz-sdk-checksum-algorithm") headers.delete(name);
  }
  return headers;
}

function locationOf(operation: CompleteMultipartUpload, call: Call): string {
  const scheme = call.request.secure ? "https" : "http";
  const path = percentEncodePath(`${operation.bucket}/${operation.key}`);
  return `${scheme}://${call.headers.get("host") ?? ""}/${path}`;
}

const CHECKSUM_ELEMENTS = CHECKSUM_ALGORITHMS.map((algorithm) => ({
  algorithm,
  element: `Checksum${algorithm}`,
}));
const PART_ELEMENTS = ["PartNumber", "ETag", ...CHECKSUM_ELEMENTS.map(({ element }) => element)];

function readCompletion(bytes: Uint8Array): CompleteUploadRequest["parts"] {
  const parts = childrenOf(readXml(bytes, "CompleteMultipartUpload"), ["Part"]);
  if (parts.length === 0) throw malformed("there is no Part in CompleteMultipartUpload");
  if (parts.length > MAX_PART_NUMBER) throw malformed(`there are more than ${MAX_PART_NUMBER} parts`);
  return withoutRepetitions(parts.map(readPart));
}

/** A part that was sent twice may be named twice in a row: the later one is what the client ended with. */
function withoutRepetitions(parts: CompleteUploadRequest["parts"]): CompleteUploadRequest["parts"] {
  return parts.filter(({ partNumber }, at) => parts[at + 1]?.partNumber !== partNumber);
}

function readPart(element: XmlElement): CompleteUploadRequest["parts"][number] {
  childrenOf(element, PART_ELEMENTS);
  const partNumber = parseWhole(textOf(element, "PartNumber")?.trim() ?? "");
  const etag = textOf(element, "ETag");
  if (partNumber === undefined || etag === undefined) throw malformed("a Part has no PartNumber or no ETag");
  const checksum = partChecksum(element);
  return { partNumber, etag: unquoteEtag(etag), ...(checksum && { checksum }) };
}

function partChecksum(element: XmlElement): Checksum | undefined {
  let checksum: Checksum | undefined;
  for (const { algorithm, element: name } of CHECKSUM_ELEMENTS) {
    const value = textOf(element, name)?.trim();
    if (value === undefined || value === "") continue;
    if (checksum !== undefined || !isChecksumValue(algorithm, value, "refused")) {
      throw malformed(`${name} of a Part is not valid`);
    }
    checksum = { algorithm, value };
  }
  return checksum;
}

/** A page of nothing still tells whether the upload exists. */
async function listParts(operation: ListParts, call: Call): Promise<ListPartsResult> {
  const { bucket, key, uploadId, partNumberMarker, maxParts } = operation;
  const limit = Math.max(maxParts, 1);
  const result = await call.store.listParts({ bucket, key, uploadId, after: partNumberMarker, limit });
  return maxParts === 0 ? { ...result, parts: [], next: undefined } : result;
}

async function listUploads(operation: ListMultipartUploads, call: Call): Promise<ListUploadsResult> {
  const { bucket, prefix, delimiter, keyMarker, uploadIdMarker, maxUploads } = operation;
  const result = await call.store.listUploads({
    bucket,
    prefix,
    delimiter,
    afterKey: keyMarker,
    afterUploadId: uploadIdMarker,
    limit: Math.max(maxUploads, 1),
  });
  return maxUploads === 0 ? { uploads: [], commonPrefixes: [], next: undefined } : result;
}

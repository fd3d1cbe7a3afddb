import type { CopyObjectResult, EncryptionRequest } from "../../object/index.ts";
import { hasUnknownLength, holdBody } from "../body/held-body.ts";
import { openBody } from "../body/open-body.ts";
import { checkRequiredDigest } from "../body/required-digest.ts";
import { encryptionHeaders } from "../encryption/answer.ts";
import { requestedEncryption, sourceCustomerKey } from "../encryption/request.ts";
import { expirationHeaders } from "../features/lifecycle/expiration-header.ts";
import { NO_BODY } from "../http.ts";
import type { CopyObject } from "../operation.ts";
import { xmlResponse } from "../render/document.ts";
import {
  deletedHeaders,
  newVersionHeaders,
  sourceVersionHeaders,
  storedHeaders,
} from "../render/object-headers.ts";
import { renderCopied } from "../render/uploads.ts";
import type { Call, Handlers } from "./call.ts";
import { ownershipOf } from "./ownership.ts";

export const writeObjectHandlers: Handlers<"PutObject" | "DeleteObject" | "CopyObject"> = {
  PutObject: async (operation, call) => {
    const { request, headers, authenticated } = call;
    const { owner, acl } = ownershipOf(operation, call);
    const body = hasUnknownLength(headers, authenticated)
      ? await holdBody(request, headers, authenticated)
      : openBody(request, headers, authenticated);
    checkRequiredDigest(body, call.requiredDigest);
    const result = await call.store.putObject({
      bucket: operation.bucket,
      key: operation.key,
      body,
      attributes: acl === undefined ? operation.attributes : { ...operation.attributes, acl },
      owner,
      signal: call.request.signal,
      ...(operation.preconditions && { preconditions: operation.preconditions }),
      ...encryptionOf(call),
    });
    const { bucket, key, attributes } = operation;
    const expiration = expirationHeaders(call.store, { ...result, bucket, key, tags: attributes.tags });
    return { status: 200, headers: [...storedHeaders(result, headers), ...expiration], body: NO_BODY };
  },

  DeleteObject: async (operation, call) => {
    const deleted = await call.store.deleteObject({
      bucket: operation.bucket,
      key: operation.key,
      versionId: operation.versionId,
      bypassGovernance: operation.bypassGovernance,
      ...(operation.preconditions && { preconditions: operation.preconditions }),
    });
    return { status: 204, headers: deletedHeaders(deleted), body: NO_BODY };
  },

  CopyObject: async (operation, call) => {
    const result = await copy(operation, call);
    return xmlResponse(renderCopied("CopyObjectResult", result), [
      ...newVersionHeaders(result),
      ...sourceVersionHeaders(result),
      ...encryptionHeaders(result.encryption, call.headers),
    ]);
  },
};

function encryptionOf(call: Call): { readonly encryption?: EncryptionRequest } {
  const encryption = requestedEncryption(call);
  return encryption === undefined ? {} : { encryption };
}

function copy(operation: CopyObject, call: Call): Promise<CopyObjectResult> {
  const { source } = operation;
  const sourceKey = sourceCustomerKey(call);
  const { owner, acl } = ownershipOf(operation, call);
  return call.store.copyObject({
    sourceBucket: source.bucket,
    sourceKey: source.key,
    sourceVersionId: source.versionId,
    bucket: operation.bucket,
    key: operation.key,
    attributes: operation.attributes,
    storageClass: operation.storageClass,
    websiteRedirect: operation.websiteRedirect,
    tags: operation.tags,
    retention: operation.retention,
    legalHold: operation.legalHold,
    signal: call.request.signal,
    ...encryptionOf(call),
    ...(sourceKey && { sourceCustomerKey: sourceKey }),
    ...(operation.checksumAlgorithm && { checksumAlgorithm: operation.checksumAlgorithm }),
    owner,
    acl,
    ...(source.preconditions && { sourcePreconditions: source.preconditions }),
    ...(operation.preconditions && { preconditions: operation.preconditions }),
  });
}

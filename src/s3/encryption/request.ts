/** What the headers of a request say about encryption. */

import { kmsKeyId } from "../../access/index.ts";
import { equalBytes, fromBase64 } from "../../base/index.ts";
import type { CustomerKey, EncryptionRequest } from "../../object/index.ts";
import { invalidArgument, notImplemented, S3Refusal } from "../errors.ts";
import type { Call } from "../handlers/call.ts";
import type { RequestHeaders } from "../http.ts";

const SSE = "x-amz-server-side-encryption";
const KMS_KEY_ID = `${SSE}-aws-kms-key-id`;
const KMS_CONTEXT = `${SSE}-context`;
const BUCKET_KEY = `${SSE}-bucket-key-enabled`;
const CUSTOMER = `${SSE}-customer`;
const SOURCE_CUSTOMER = "x-amz-copy-source-server-side-encryption-customer";

const CUSTOMER_KEY_BYTES = 32;
const MAX_KMS_CONTEXT_CHARACTERS = 4096;

/** How a new object is to be encrypted; undefined: as its bucket says. */
export function requestedEncryption(call: Call): EncryptionRequest | undefined {
  const { headers } = call;
  const algorithm = headers.get(SSE);
  const customer = customerKey(call);
  if (customer !== undefined) {
    if (algorithm !== undefined) {
      throw invalidArgument(
        "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
        SSE,
        algorithm,
      );
    }
    return { kind: "sse-c", customerKey: customer };
  }
  if (algorithm !== "aws:kms") refuseStrayKmsHeaders(headers);
  switch (algorithm) {
    case undefined:
      return undefined;
    case "AES256":
      return { kind: "sse-s3" };
    case "aws:kms":
      return {
        kind: "sse-kms",
        keyId: requestedKeyId(headers.get(KMS_KEY_ID)),
        context: kmsContext(headers.get(KMS_CONTEXT)),
        bucketKey: headers.get(BUCKET_KEY)?.toLowerCase() === "true",
      };
    case "aws:kms:dsse":
    case "aws:fsx":
      throw notImplemented(`The encryption method ${algorithm}`);
    default:
      throw invalidArgument("The encryption method specified is not supported", SSE, algorithm);
  }
}

function refuseStrayKmsHeaders(headers: RequestHeaders): void {
  for (const name of [KMS_KEY_ID, KMS_CONTEXT]) {
    const value = headers.get(name);
    if (value !== undefined) {
      throw invalidArgument(
        "The header is only for requests whose encryption method is aws:kms.",
        name,
        value,
      );
    }
  }
}

/** Of a key's id, or of an ARN that ends with it. */
export function requestedKeyId(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : kmsKeyId(text);
}

function kmsContext(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (text.length <= MAX_KMS_CONTEXT_CHARACTERS && isBase64Json(text)) return text;
  throw invalidArgument("The encryption context is not base64 of a JSON object.", KMS_CONTEXT, text);
}

function isBase64Json(text: string): boolean {
  const bytes = fromBase64(text);
  if (bytes === undefined) return false;
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** The key that the client sent for the object; undefined: none. */
export function customerKey(call: Call): CustomerKey | undefined {
  return readCustomerKey(call, CUSTOMER);
}

/** The key that the client sent for the source of a copy. */
export function sourceCustomerKey(call: Call): CustomerKey | undefined {
  return readCustomerKey(call, SOURCE_CUSTOMER);
}

function readCustomerKey(call: Call, prefix: string): CustomerKey | undefined {
  const { headers } = call;
  const algorithm = headers.get(`${prefix}-algorithm`);
  const text = headers.get(`${prefix}-key`);
  const md5 = headers.get(`${prefix}-key-md5`);
  if (algorithm === undefined && text === undefined && md5 === undefined) return undefined;
  if (!call.request.secure && !call.customerKeysOverHttp) {
    throw new S3Refusal(
      "InvalidRequest",
      "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.",
    );
  }
  if (algorithm === undefined || text === undefined || md5 === undefined) {
    throw new S3Refusal(
      "InvalidArgument",
      "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate algorithm, the client calculated key and its MD5.",
    );
  }
  if (algorithm !== "AES256") {
    throw new S3Refusal(
      "InvalidEncryptionAlgorithmError",
      "The encryption request that you specified is not valid. The valid value is AES256.",
    );
  }
  const key = fromBase64(text);
  // The key itself must not come back in an error document.
  if (key?.length !== CUSTOMER_KEY_BYTES) {
    throw new S3Refusal("InvalidArgument", "The secret key was invalid for the specified algorithm.");
  }
  const digest = fromBase64(md5);
  if (digest === undefined || !equalBytes(digest, call.hasher.digest("md5", key))) {
    throw new S3Refusal(
      "InvalidArgument",
      "The calculated MD5 hash of the key did not match the hash that was provided.",
    );
  }
  return { key };
}

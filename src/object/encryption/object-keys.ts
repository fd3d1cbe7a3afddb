import { create } from "@bufbuild/protobuf";
import { DATA_KEY_BYTES, unwrapDataKey, wrapDataKey } from "../../access/index.ts";
import { BODY_SALT_BYTES } from "../../base/index.ts";
import {
  EncryptionKind,
  type ObjectEncryption,
  ObjectEncryptionSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Random } from "../../platform/index.ts";
import { ObjectError } from "../errors.ts";
import { type KeyRing, OBJECTS_KEY_ID } from "./key-ring.ts";
import type { CustomerKey, EncryptionInfo, EncryptionRequest } from "./types.ts";

const FRAME_FORMAT_VERSION = 1;
const CUSTOMER_CONTEXT = "customer";

/** A data key in the clear, and how it lies in the row of its object or upload. */
export interface WrappedDataKey {
  readonly row: ObjectEncryption;
  readonly dataKey: Uint8Array;
}

export interface ObjectKeysOptions {
  readonly ring: KeyRing;
  readonly random: Random;
}

/** What a body is encrypted with. */
export interface BodyKey {
  readonly dataKey: Uint8Array;
  readonly salt: Uint8Array;
}

/** Data keys of objects: making them, wrapping them for their rows, and getting them back. */
export class ObjectKeys {
  readonly #options: ObjectKeysOptions;

  constructor(options: ObjectKeysOptions) {
    this.#options = options;
  }

  newSalt(): Uint8Array {
    return this.#options.random.bytes(BODY_SALT_BYTES);
  }

  /** A data key for a new object. `salt`: of its one body; none for an upload, whose parts bring theirs. */
  async create(request: EncryptionRequest, salt?: Uint8Array): Promise<WrappedDataKey> {
    const dataKey = this.#options.random.bytes(DATA_KEY_BYTES);
    return { dataKey, row: await this.#wrap(dataKey, request, salt) };
  }

  /** The same data key wrapped in another way: of a copy that refers to the source's bytes. */
  async rewrap(
    row: ObjectEncryption,
    customerKey: CustomerKey | undefined,
    request: EncryptionRequest,
  ): Promise<WrappedDataKey> {
    const dataKey = await this.open(row, customerKey);
    return { dataKey, row: await this.#wrap(dataKey, request, row.salt) };
  }

  /** The same under the version that wraps now. Only for keys of the ring: a customer's has no versions. */
  async renew({ row, dataKey }: WrappedDataKey): Promise<ObjectEncryption> {
    const request: EncryptionRequest =
      row.kind === EncryptionKind.SSE_S3
        ? { kind: "sse-s3" }
        : { kind: "sse-kms", keyId: row.keyId, context: row.context, bucketKey: row.bucketKey };
    return await this.#wrap(dataKey, request, row.salt);
  }

  /**
   * Refuses "customer-key-required" and "customer-key-wrong", and "encryption-key-not-found" when the ring has lost the key. Whether a key was
   * sent for an object that is not encrypted with one is for `checkCustomerKey`.
   */
  async open(row: ObjectEncryption, customerKey: CustomerKey | undefined): Promise<Uint8Array> {
    checkCustomerKey(row, customerKey);
    if (row.version !== FRAME_FORMAT_VERSION) {
      throw new ObjectError(
        "data-unavailable",
        `the object is encrypted in format ${row.version}, which is unknown`,
      );
    }
    if (row.kind === EncryptionKind.SSE_C) return openWithCustomerKey(row, customerKey);
    const { secret } = await this.#options.ring.version(row.keyId, row.keyVersion);
    const dataKey = unwrapDataKey(secret, row.wrappedKey, ringContext(row.keyId, row.keyVersion));
    if (dataKey === undefined) throw new ObjectError("data-unavailable", "the object's data key is damaged");
    return dataKey;
  }

  async #wrap(dataKey: Uint8Array, request: EncryptionRequest, salt?: Uint8Array): Promise<ObjectEncryption> {
    const common = { version: FRAME_FORMAT_VERSION, ...(salt !== undefined && { salt }) };
    const randomBytes = (length: number) => this.#options.random.bytes(length);
    if (request.kind === "sse-c") {
      const wrappedKey = wrapDataKey(request.customerKey.key, dataKey, CUSTOMER_CONTEXT, randomBytes);
      return create(ObjectEncryptionSchema, { ...common, kind: EncryptionKind.SSE_C, wrappedKey });
    }
    const wanted = request.kind === "sse-s3" ? OBJECTS_KEY_ID : request.keyId;
    if (wanted === undefined) {
      throw new ObjectError("encryption-key-not-found", "aws:kms needs the id of an encryption key");
    }
    const { keyId, version, secret } = await this.#options.ring.current(wanted);
    const wrapped = {
      ...common,
      keyId,
      keyVersion: version,
      wrappedKey: wrapDataKey(secret, dataKey, ringContext(keyId, version), randomBytes),
    };
    if (request.kind === "sse-s3") {
      return create(ObjectEncryptionSchema, { ...wrapped, kind: EncryptionKind.SSE_S3 });
    }
    return create(ObjectEncryptionSchema, {
      ...wrapped,
      kind: EncryptionKind.SSE_KMS,
      context: request.context ?? "",
      bucketKey: request.bucketKey,
    });
  }
}

/** A customer's key is sent exactly where the object has one. Refuses "customer-key-required" and "customer-key-unexpected". */
export function checkCustomerKey(
  row: ObjectEncryption | undefined,
  customerKey: CustomerKey | undefined,
): void {
  const isCustomers = row?.kind === EncryptionKind.SSE_C;
  if (isCustomers && customerKey === undefined) {
    throw new ObjectError(
      "customer-key-required",
      "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
    );
  }
  if (!isCustomers && customerKey !== undefined) {
    throw new ObjectError(
      "customer-key-unexpected",
      "The encryption parameters are not applicable to this object.",
    );
  }
}

/** A HEAD has no bytes that could tell a wrong key: the wrapped data key does. Refuses "customer-key-wrong". */
export function proveCustomerKey(
  row: ObjectEncryption | undefined,
  customerKey: CustomerKey | undefined,
): void {
  checkCustomerKey(row, customerKey);
  if (row !== undefined && customerKey !== undefined) openWithCustomerKey(row, customerKey);
}

function openWithCustomerKey(row: ObjectEncryption, customerKey: CustomerKey | undefined): Uint8Array {
  const dataKey = customerKey && unwrapDataKey(customerKey.key, row.wrappedKey, CUSTOMER_CONTEXT);
  if (dataKey !== undefined) return dataKey;
  throw new ObjectError(
    "customer-key-wrong",
    "The provided encryption parameters did not match the ones used originally.",
  );
}

function ringContext(keyId: string, version: number): string {
  return `ring/${keyId}/${version}`;
}

/** What answers say of an object's encryption. */
export function encryptionInfo(row: ObjectEncryption | undefined): EncryptionInfo | undefined {
  switch (row?.kind) {
    case EncryptionKind.SSE_S3:
      return { kind: "sse-s3" };
    case EncryptionKind.SSE_KMS:
      return { kind: "sse-kms", keyId: row.keyId, bucketKey: row.bucketKey };
    case EncryptionKind.SSE_C:
      return { kind: "sse-c" };
    default:
      return undefined;
  }
}

import type { ObjectEncryption } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ObjectContext } from "../context.ts";
import { type BodyKey, checkCustomerKey, type WrappedDataKey } from "./object-keys.ts";
import type { CustomerKey, EncryptionRequest } from "./types.ts";

export interface NewEncryption extends WrappedDataKey {
  readonly key: BodyKey;
}

/** What a new object is encrypted with. */
export async function encryptedAs(
  context: ObjectContext,
  request: EncryptionRequest,
): Promise<NewEncryption> {
  const salt = context.keys.newSalt();
  const { row, dataKey } = await context.keys.create(request, salt);
  return { row, dataKey, key: { dataKey, salt } };
}

/** What one part of an upload is encrypted with. Refuses a customer's key that is missing, wrong or out of place. */
export async function partKey(
  context: ObjectContext,
  row: ObjectEncryption | undefined,
  customerKey: CustomerKey | undefined,
): Promise<BodyKey | undefined> {
  if (row === undefined) {
    checkCustomerKey(row, customerKey);
    return undefined;
  }
  return { dataKey: await context.keys.open(row, customerKey), salt: context.keys.newSalt() };
}

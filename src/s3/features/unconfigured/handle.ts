import { readDocument } from "../../body/document.ts";
import { notImplemented, S3Refusal } from "../../errors.ts";
import { NO_CONTENT } from "../../handlers/buckets.ts";
import type { Call, Handlers } from "../../handlers/call.ts";
import { NO_BODY, type S3Response } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import { childrenOf, malformed, textOf } from "../../xml/reader.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import type { UnconfiguredOperation } from "./operations.ts";

const DONE: S3Response = { status: 200, headers: [], body: NO_BODY };

export const unconfiguredHandlers: Handlers<UnconfiguredOperation["name"]> = {
  GetObjectTorrent: async ({ bucket, key }, call) => {
    await call.store.headBucket(bucket);
    throw new S3Refusal("NoSuchKey", "There is no torrent of this object.", { Key: key });
  },

  GetBucketAccelerateConfiguration: ({ bucket }, call) => empty(bucket, call, "AccelerateConfiguration"),

  GetBucketReplication: async ({ bucket }, call) => {
    await call.store.headBucket(bucket);
    throw new S3Refusal("ReplicationConfigurationNotFoundError", undefined, { BucketName: bucket });
  },
  DeleteBucketReplication: ({ bucket }, call) => nothingToDelete(bucket, call),

  GetBucketRequestPayment: async ({ bucket }, call) => {
    await call.store.headBucket(bucket);
    const xml = new XmlWriter("RequestPaymentConfiguration", S3_NAMESPACE).leaf("Payer", "BucketOwner");
    return xmlResponse(xml.end());
  },
  PutBucketRequestPayment: async ({ bucket }, call) => {
    const root = await readDocument(call, "RequestPaymentConfiguration");
    childrenOf(root, ["Payer"]);
    const payer = textOf(root, "Payer")?.trim();
    if (payer === "Requester") throw notImplemented("Payment by the requester");
    if (payer !== "BucketOwner") throw malformed("Payer is BucketOwner or Requester");
    await call.store.headBucket(bucket);
    return DONE;
  },
};

async function empty(bucket: string, call: Call, root: string): Promise<S3Response> {
  await call.store.headBucket(bucket);
  return xmlResponse(new XmlWriter(root, S3_NAMESPACE).end());
}

async function nothingToDelete(bucket: string, call: Call): Promise<S3Response> {
  await call.store.headBucket(bucket);
  return NO_CONTENT;
}

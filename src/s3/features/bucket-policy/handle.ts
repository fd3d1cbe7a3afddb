import {
  AccessError,
  type BucketAccess,
  fromNativePolicy,
  isNativePolicy,
  isPublicAcl,
  isPublicPolicy,
  MAX_POLICY_BYTES,
  type Policy,
  parsePolicy,
  readStrictJson,
} from "../../../access/index.ts";
import { policyDocument, policyText } from "../../../object/index.ts";
import { openBody } from "../../body/open-body.ts";
import { readWholeBody } from "../../body/whole-body.ts";
import { S3Refusal } from "../../errors.ts";
import { NO_CONTENT } from "../../handlers/buckets.ts";
import type { Call, Handlers } from "../../handlers/call.ts";
import { xmlResponse } from "../../render/document.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import { isS3Action } from "./actions.ts";
import type { BucketPolicyOperation } from "./operations.ts";

const KIND = "policy";

export const bucketPolicyHandlers: Handlers<BucketPolicyOperation["name"]> = {
  GetBucketPolicy: async ({ bucket }, call) => {
    const stored = await call.store.getBucketConfiguration({ bucket, kind: KIND });
    if (stored === undefined) throw new S3Refusal("NoSuchBucketPolicy", undefined, { BucketName: bucket });
    return {
      status: 200,
      headers: ["Content-Type", "application/json"],
      body: { kind: "text", text: policyText(stored) },
    };
  },

  PutBucketPolicy: async ({ bucket }, call) => {
    const { text, policy } = await readPolicy(bucket, call);
    const access = call.store.bucketAccess(bucket);
    if (access?.publicAccessBlock.blockPublicPolicy === true && isPublicPolicy(policy)) {
      throw new S3Refusal("AccessDenied", "Public policies are prevented by the BlockPublicPolicy setting.");
    }
    await call.store.putBucketConfiguration({ bucket, kind: KIND, configuration: policyDocument(text) });
    return NO_CONTENT;
  },

  DeleteBucketPolicy: async ({ bucket }, call) => {
    await call.store.deleteBucketConfiguration({ bucket, kind: KIND });
    return NO_CONTENT;
  },

  /** Of the bucket as a whole: by its policy or by its list. Without either it is not public. */
  GetBucketPolicyStatus: async ({ bucket }, call) => {
    await call.store.headBucket(bucket);
    const access = call.store.bucketAccess(bucket);
    const isPublic = access !== undefined && isPublicBucket(access);
    return xmlResponse(new XmlWriter("PolicyStatus", S3_NAMESPACE).leaf("IsPublic", isPublic).end());
  },
};

function isPublicBucket({ policy, acl, ownership, publicAccessBlock }: BucketAccess): boolean {
  if (policy !== undefined && isPublicPolicy(policy)) return true;
  const isListed = ownership !== "BucketOwnerEnforced" && !publicAccessBlock.ignorePublicAcls;
  return isListed && acl !== undefined && isPublicAcl(acl);
}

/** The text that is stored: as it came, or the AWS form of the native one. */
async function readPolicy(
  bucket: string,
  call: Call,
): Promise<{ readonly text: string; readonly policy: Policy }> {
  const body = openBody(call.request, call.headers, call.authenticated);
  if (body.sizeBytes > MAX_POLICY_BYTES) {
    throw new S3Refusal("MalformedPolicy", `A policy has at most ${MAX_POLICY_BYTES} bytes.`);
  }
  const sent = decode(await readWholeBody(body, call.hasher));
  try {
    const root = readStrictJson(sent);
    const text = isNativePolicy(root) ? JSON.stringify(fromNativePolicy(root, bucket)) : sent;
    return { text, policy: parsePolicy(text, { kind: "bucket", bucket, isAction: isS3Action }) };
  } catch (error) {
    if (error instanceof AccessError) throw new S3Refusal("MalformedPolicy", error.message);
    throw error;
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new S3Refusal("MalformedPolicy", "The policy is not UTF-8.");
  }
}

/** What takes more than one read of the state is answered as of one moment, though entries are applied between the reads. */

import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  type BodySource,
  type BucketConfigurationKind,
  type ObjectAttributes,
  policyDocument,
  publicAccessBlockDocument,
} from "./index.ts";
import { MINIMUM_PART_BYTES, OWNER, SingleNode } from "./testing/single-node.ts";

const BUCKET = "photos";
const ATTRIBUTES: ObjectAttributes = {
  contentType: "",
  headers: new Map(),
  userMetadata: new Map(),
  storageClass: "STANDARD",
};
const { signal } = new AbortController();

let node: SingleNode;
beforeEach(async () => {
  node = await SingleNode.create();
  await node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
});

function body(text: string): BodySource {
  async function* bytes() {
    yield new TextEncoder().encode(text);
  }
  return { sizeBytes: text.length, bytes: bytes(), expected: {} };
}

const put = (text: string) =>
  node.objects.putObject({
    bucket: BUCKET,
    key: "k",
    body: body(text),
    attributes: ATTRIBUTES,
    owner: OWNER,
    signal,
  });

const bucketId = () => node.metadata.view.bucket(BUCKET)?.bucketId ?? 0n;

/** A newer version goes while the row of the current one has been read, and the one behind it has not. */
async function newerGoes(): Promise<void> {
  const { view } = node.metadata;
  const { versionId } = await put("newer");
  const newer = view.object(bucketId(), "k");
  await node.objects.deleteObject({ bucket: BUCKET, key: "k", versionId });
  vi.spyOn(view, "object").mockReturnValueOnce(newer);
}

describe("a version that is there all the time is found", () => {
  it("by its id", async () => {
    await node.objects.putBucketVersioning({ bucket: BUCKET, versioning: "enabled" });
    const { versionId } = await put("base");
    await newerGoes();
    expect((await node.objects.headObject({ bucket: BUCKET, key: "k", versionId })).size).toBe(4);
  });

  it("as the null version", async () => {
    await put("base");
    await node.objects.putBucketVersioning({ bucket: BUCKET, versioning: "enabled" });
    await newerGoes();
    expect((await node.objects.headObject({ bucket: BUCKET, key: "k", versionId: "null" })).size).toBe(4);
  });
});

describe("an upload that is completed meanwhile", () => {
  async function completed() {
    const upload = { bucket: BUCKET, key: "k" };
    const { uploadId } = await node.objects.createUpload({
      ...upload,
      attributes: ATTRIBUTES,
      owner: OWNER,
      checksumAlgorithm: undefined,
      checksumType: undefined,
    });
    const part = { ...upload, uploadId, partNumber: 1, body: body("x".repeat(MINIMUM_PART_BYTES)), signal };
    const { etag } = await node.objects.uploadPart(part);
    const seen = await uploadRow(uploadId);
    const completion = { ...upload, uploadId, parts: [{ partNumber: 1, etag }] };
    const first = await node.objects.completeUpload(completion);
    vi.spyOn(node.metadata.view, "upload").mockReturnValueOnce(seen);
    return { first, completion };
  }

  /** As it is before its completion. */
  async function uploadRow(uploadId: string) {
    const read = vi.spyOn(node.metadata.view, "upload");
    await node.objects.listParts({ bucket: BUCKET, key: "k", uploadId, after: 0, limit: 1 });
    const row = read.mock.results[0]?.value;
    read.mockRestore();
    return row;
  }

  it("answers its second completion as the first", async () => {
    const { first, completion } = await completed();
    expect(await node.objects.completeUpload(completion)).toMatchObject({
      etag: first.etag,
      size: first.size,
    });
  });

  it("is not listed without its parts", async () => {
    const { completion } = await completed();
    const listed = node.objects.listParts({ ...completion, after: 0, limit: 10 });
    await expect(listed).rejects.toMatchObject({ code: "upload-not-found" });
  });
});

it("a bucket's documents are judged together: one that was removed does not meet what was changed after it", async () => {
  const { view } = node.metadata;
  const configure = (kind: BucketConfigurationKind, configuration: ReturnType<typeof policyDocument>) =>
    node.objects.putBucketConfiguration({ bucket: BUCKET, kind, configuration });
  await configure("policy", policyDocument(JSON.stringify(POLICY)));
  await configure("public-access-block", publicAccessBlockDocument(BLOCKED));
  const before = { index: view.appliedIndex(), row: view.bucket(BUCKET) };
  const read = vi.spyOn(view, "bucketConfiguration");
  node.objects.bucketAccess(BUCKET);
  const policy = read.mock.results[0]?.value;
  await node.objects.deleteBucketConfiguration({ bucket: BUCKET, kind: "policy" });
  await node.objects.deleteBucketConfiguration({ bucket: BUCKET, kind: "public-access-block" });
  vi.spyOn(view, "appliedIndex").mockReturnValueOnce(before.index);
  vi.spyOn(view, "bucket").mockReturnValueOnce(before.row);
  read.mockReturnValueOnce(policy);
  expect(node.objects.bucketAccess(BUCKET)?.policy).toBeUndefined();
});

const POLICY = {
  Statement: {
    Effect: "Allow",
    Principal: "*",
    Action: "s3:GetObject",
    Resource: `arn:aws:s3:::${BUCKET}/*`,
  },
};
const BLOCKED = {
  blockPublicAcls: true,
  ignorePublicAcls: true,
  blockPublicPolicy: true,
  restrictPublicBuckets: true,
};

import { MINIMUM_PART_BYTES, OWNER, type SingleNode } from "./single-node.ts";

const { signal } = new AbortController();
const ATTRIBUTES = { contentType: "", headers: new Map(), userMetadata: new Map(), storageClass: "STANDARD" };

export async function beginUpload(node: SingleNode, bucket: string, key: string): Promise<string> {
  const { uploadId } = await node.objects.createUpload({
    bucket,
    key,
    attributes: ATTRIBUTES,
    owner: OWNER,
    checksumAlgorithm: undefined,
    checksumType: undefined,
  });
  return uploadId;
}

export async function uploadSmallPart(
  node: SingleNode,
  upload: { readonly bucket: string; readonly key: string; readonly uploadId: string },
  partNumber: number,
): Promise<{ readonly partNumber: number; readonly etag: string }> {
  async function* pieces() {
    yield new Uint8Array(MINIMUM_PART_BYTES).fill(partNumber & 0xff);
  }
  const body = { sizeBytes: MINIMUM_PART_BYTES, bytes: pieces(), expected: {} };
  const { etag } = await node.objects.uploadPart({ ...upload, partNumber, body, signal });
  return { partNumber, etag };
}

/** An object of so many slices. */
export async function putSlices(
  node: SingleNode,
  bucket: string,
  key: string,
  slices: number,
): Promise<void> {
  const upload = { bucket, key, uploadId: await beginUpload(node, bucket, key) };
  const parts = [];
  for (let number = 1; number <= slices; number++) parts.push(await uploadSmallPart(node, upload, number));
  await node.objects.completeUpload({ ...upload, parts });
}

/** The same slices once more. */
export async function copySlices(
  node: SingleNode,
  bucket: string,
  sourceKey: string,
  key: string,
): Promise<void> {
  await node.objects.copyObject({
    sourceBucket: bucket,
    sourceKey,
    bucket,
    key,
    attributes: undefined,
    owner: OWNER,
    signal,
  });
}

/** The promise: an operator sees what each version of a key wraps, and cannot destroy one that something needs. */
import { expect, test } from "vitest";
import { OWNER, SingleNode } from "../object/testing/single-node.ts";
import { NodeRandom } from "../platform/node/index.ts";
import { EncryptionKeyAdministration } from "./encryption-keys.ts";

async function* content() {
  yield Buffer.from("content");
}

test("a version is shown with its uses, and goes when it has none", async () => {
  const node = await SingleNode.create();
  const { metadata, sealer } = node;
  const keys = new EncryptionKeyAdministration({ metadata, sealer, random: new NodeRandom() });
  await keys.create({ keyId: "k", description: "" });
  await node.objects.createBucket({ bucket: "bucket", region: "r", owner: OWNER });
  await node.objects.putObject({
    bucket: "bucket",
    key: "a",
    body: { sizeBytes: 7, bytes: content(), expected: {} },
    attributes: {
      contentType: "text/plain",
      headers: new Map(),
      userMetadata: new Map(),
      storageClass: "STANDARD",
    },
    owner: OWNER,
    signal: new AbortController().signal,
    encryption: { kind: "sse-kms", keyId: "k", context: undefined, bucketKey: false },
  });
  const rotated = await keys.rotate("k");
  const createdAtMs = expect.any(Number);
  const versions = [
    { version: 1, createdAtMs, uses: 1 },
    { version: 2, createdAtMs, uses: 0 },
  ];
  expect(rotated.versions).toEqual(versions);
  expect((await keys.list())[0]).toMatchObject({ keyId: "k", version: 2, versions });

  const inUse = { code: "refused", refusal: { reason: "in-use", advice: expect.stringContaining("rotate") } };
  await expect(keys.removeVersion("k", 1)).rejects.toMatchObject(inUse);
  await expect(keys.removeVersion("k", 2)).rejects.toMatchObject(inUse);
  await expect(keys.removeVersion("k", 3)).rejects.toMatchObject({ code: "not-found" });
  await expect(keys.removeVersion("other", 1)).rejects.toMatchObject({ code: "not-found" });

  await node.objects.deleteObjects({ bucket: "bucket", targets: [{ key: "a" }] });
  expect((await keys.removeVersion("k", 1)).versions).toEqual(versions.slice(1));
  expect(await node.violations()).toEqual([]);
});

import { describe, expect, it } from "vitest";
import { Deferred } from "../base/index.ts";
import type { ObjectError } from "./errors.ts";
import { OWNER, SingleNode } from "./testing/single-node.ts";

const NO_ATTRIBUTES = {
  contentType: "",
  headers: new Map<string, string>(),
  userMetadata: new Map<string, string>(),
  storageClass: "",
};

function put(node: SingleNode, key: string, bytes: AsyncIterable<Uint8Array>, sizeBytes: number) {
  const { signal } = new AbortController();
  const body = { sizeBytes, bytes, expected: {} };
  return node.objects.putObject({
    bucket: "docs",
    key,
    body,
    attributes: NO_ATTRIBUTES,
    owner: OWNER,
    signal,
  });
}

async function* pieces(...given: readonly (Uint8Array | Promise<void>)[]): AsyncGenerator<Uint8Array> {
  for (const piece of given) {
    const bytes = await piece;
    if (bytes !== undefined) yield bytes;
  }
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "ok",
    (error: ObjectError) => error.code,
  );

async function started(): Promise<SingleNode> {
  const node = await SingleNode.create();
  await node.objects.createBucket({ bucket: "docs", region: "r", owner: OWNER });
  return node;
}

describe("the maintenance mode", () => {
  it("refuses writes, lets reads go on, and says when to come back", async () => {
    const node = await started();
    await put(node, "before", pieces(Uint8Array.of(1)), 1);
    await node.setMaintenance(true);
    const refused = await put(node, "k", pieces(Uint8Array.of(1)), 1).catch((error: ObjectError) => error);
    expect(refused).toMatchObject({ code: "maintenance", details: { RetryAfterSeconds: "10" } });
    const writes = [
      node.objects.createBucket({ bucket: "new", region: "r", owner: OWNER }),
      node.objects.deleteBucket("docs"),
      node.objects.deleteObject({ bucket: "docs", key: "before" }),
      node.objects.putBucketVersioning({ bucket: "docs", versioning: "enabled" }),
      node.objects.deleteBucketConfiguration({ bucket: "docs", kind: "tagging" }),
    ];
    for (const write of writes) expect(await codeOf(write)).toBe("maintenance");
    expect(await codeOf(node.objects.headObject({ bucket: "docs", key: "before" }))).toBe("ok");
    await node.setMaintenance(false);
    expect(await codeOf(put(node, "k", pieces(Uint8Array.of(1)), 1))).toBe("ok");
    expect(await node.violations()).toEqual([]);
  });

  it("lets a write end that was begun before, and counts it until then", async () => {
    const node = await started();
    const rest = new Deferred<void>();
    let drained = 0;
    node.writes.onDrained = () => drained++;
    const writing = put(node, "slow", pieces(Uint8Array.of(1), rest.promise, Uint8Array.of(2)), 2);
    expect(node.writes.underWay).toBe(1);
    await node.setMaintenance(true, [1n]);
    expect(await codeOf(node.objects.deleteObject({ bucket: "docs", key: "x" }))).toBe("maintenance");
    rest.resolve();
    await writing;
    expect([node.writes.underWay, drained]).toEqual([0, 1]);
    expect(await node.objects.headObject({ bucket: "docs", key: "slow" })).toMatchObject({ size: 2 });
  });

  it("refuses at the commit what a node began that was not waited for", async () => {
    const node = await started();
    const rest = new Deferred<void>();
    const writing = put(node, "late", pieces(Uint8Array.of(1), rest.promise, Uint8Array.of(2)), 2);
    await node.setMaintenance(true);
    rest.resolve();
    expect(await codeOf(writing)).toBe("maintenance");
    expect(await codeOf(node.objects.headObject({ bucket: "docs", key: "late" }))).toBe("object-not-found");
  });
});

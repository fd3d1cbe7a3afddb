/** Who asks the cluster what has been acknowledged, and when: a read by itself, or its caller, once for all that a request reads. */

import { describe, expect, it, vi } from "vitest";
import { OWNER, SingleNode } from "./testing/single-node.ts";

async function nodeWithBucket(readsFollowCallers: boolean) {
  const node = await SingleNode.create(Date.now, { readsFollowCallers });
  await node.objects.createBucket({ bucket: "bkt", region: "r", owner: OWNER });
  return { node, rounds: vi.spyOn(node.metadata, "barrier") };
}

describe("what is as of now", () => {
  it("needs no round where the node has nobody to ask", async () => {
    const { node, rounds } = await nodeWithBucket(true);
    expect(node.objects.asOfNow()).toBeUndefined();
    expect(rounds).not.toHaveBeenCalled();
  });

  it("is a round before a request elsewhere, and none for its reads then", async () => {
    const { node, rounds } = await nodeWithBucket(true);
    vi.spyOn(node.metadata, "isCurrent").mockReturnValue(false);
    await node.objects.asOfNow();
    expect(rounds).toHaveBeenCalledTimes(1);
    await node.objects.headBucket("bkt");
    await node.objects.listObjects({ bucket: "bkt", prefix: "", delimiter: "", after: "", limit: 1 });
    expect(rounds).toHaveBeenCalledTimes(1);
  });

  it("is a round of every read whose caller asks for none", async () => {
    const { node, rounds } = await nodeWithBucket(false);
    await node.objects.headBucket("bkt");
    await node.objects.headBucket("bkt");
    expect(rounds).toHaveBeenCalledTimes(2);
  });
});

import { expect, test } from "vitest";
import type { MessageStream, StreamHandler } from "../../platform/index.ts";
import { refuseRemoved } from "./removed-peers.ts";

test("a node that has left is turned away from every method, and others are not", () => {
  const opened: (number | undefined)[] = [];
  const handler: StreamHandler = {
    kind: "stream",
    maxMessageBytes: 7,
    open: (_, peer) => opened.push(peer?.nodeId),
  };
  const handlers = refuseRemoved(new Map([["/a/B", handler]]), (nodeId) => nodeId === 3);
  const guarded = handlers.get("/a/B");
  expect(guarded).toMatchObject({ kind: "stream", maxMessageBytes: 7 });
  const failed: string[] = [];
  const stream = { fail: (code: string) => failed.push(code) } as unknown as MessageStream;
  for (const nodeId of [2, 3, 4]) guarded?.open(stream, { clusterId: "c", nodeId });
  expect([opened, failed]).toEqual([[2, 4], ["permission_denied"]]);
});

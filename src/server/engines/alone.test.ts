import { describe, expect, test } from "vitest";
import { ClusterError } from "../../cluster/index.ts";
import { checkNotStranded, withAdviceForAlone } from "./alone.ts";

const PEER = { nodeId: 2, incarnation: "i", peerAddress: "node-2:7400" };
const alone = { identified: { peers: [] }, dataDirectory: "/data" };
const among = { identified: { peers: [PEER] }, dataDirectory: "/data" };

describe("a node whose log cannot be used", () => {
  test.each(["log-missing", "log-outdated"] as const)(
    "is not told to be removed when it is alone: %s",
    (code) => {
      const error = new ClusterError(code, "the log", "on a node that is alive run `skerry cluster remove`");
      expect(withAdviceForAlone(among, error)).toBe(error);
      expect(withAdviceForAlone(alone, error)).toMatchObject({
        code,
        message: "the log",
        advice: expect.stringMatching(/nobody else.*restore the whole data directory/) as string,
        cause: error,
      });
    },
  );

  test("other errors stay as they are", () => {
    const removed = new ClusterError("node-removed", "removed", "nothing");
    for (const error of [removed, new Error("disk")]) expect(withAdviceForAlone(alone, error)).toBe(error);
  });
});

describe("a node without its metadata, whose log does not begin where they do", () => {
  const gone = { fenced: true, appliedIndex: 0 };

  test("is refused when nobody can send them", () => {
    const refused = expect.objectContaining({ code: "state-damaged" }) as Error;
    expect(() => checkNotStranded(alone, gone)).toThrow(refused);
  });

  test("waits for the leader when there are others, or only its log is damaged", () => {
    checkNotStranded(among, gone);
    checkNotStranded(alone, { fenced: true, appliedIndex: 7 });
    checkNotStranded(alone, { fenced: false, appliedIndex: 0 });
  });
});

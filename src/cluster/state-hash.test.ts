import { describe, expect, test } from "vitest";
import {
  judgeStateHashes,
  STATE_HASH_HISTORY,
  StateHashHistory,
  type StateHashSample,
} from "./state-hash.ts";

/** "1:100=a" is node 1 with hash "a" at index 100. */
function samples(...texts: readonly string[]): StateHashSample[] {
  return texts.map((text) => {
    const [, nodeId, hashIndex, hash] = /^(\d+):(\d+)=(.+)$/.exec(text)!;
    return {
      nodeId: Number(nodeId),
      hashIndex: BigInt(hashIndex!),
      stateHash: new TextEncoder().encode(hash),
    };
  });
}

describe("node 1 of three", () => {
  test.each([
    ["agrees with both", ["1:100=a", "2:100=a", "3:100=a"], { kind: "agree" }],
    ["has nobody to compare with", ["1:100=a"], { kind: "agree" }],
    ["has said nothing", ["2:100=a", "3:100=b"], { kind: "agree" }],
    ["is ahead of the others", ["1:200=b", "2:100=a", "3:100=a"], { kind: "agree" }],
    ["is the odd one", ["1:100=x", "2:100=a", "3:100=a"], { kind: "self-diverges", hashIndex: 100n }],
    [
      "sees another odd one",
      ["1:100=a", "2:100=a", "3:100=x"],
      { kind: "others-diverge", hashIndex: 100n, nodeIds: [3] },
    ],
    [
      "sees one other hash and one silent node",
      ["1:100=a", "2:100=b"],
      { kind: "undecided", hashIndex: 100n },
    ],
    ["sees three hashes", ["1:100=a", "2:100=b", "3:100=c"], { kind: "undecided", hashIndex: 100n }],
    [
      "is judged at the newest index where there is a difference",
      ["1:100=x", "1:200=a", "2:100=a", "3:100=a", "2:200=a", "3:200=a"],
      { kind: "self-diverges", hashIndex: 100n },
    ],
    [
      "is judged at the newest index first",
      ["1:100=x", "1:200=y", "2:100=a", "3:100=a", "2:200=b", "3:200=b"],
      { kind: "self-diverges", hashIndex: 200n },
    ],
  ] as const)("%s", (_, texts, verdict) => {
    expect(judgeStateHashes(1, samples(...texts), 3)).toEqual(verdict);
  });
});

test("two nodes that differ cannot tell who is wrong", () => {
  expect(judgeStateHashes(1, samples("1:100=a", "2:100=b"), 2)).toMatchObject({ kind: "undecided" });
});

test("half of the members are no majority", () => {
  const even = samples("1:100=a", "2:100=a", "3:100=b", "4:100=b");
  expect(judgeStateHashes(1, even, 4)).toMatchObject({ kind: "undecided" });
  expect(judgeStateHashes(1, [...even, ...samples("5:100=b")], 5)).toMatchObject({ kind: "self-diverges" });
});

test("a node that says two things at one index counts once for each", () => {
  const verdict = judgeStateHashes(1, samples("1:100=a", "2:100=b", "2:100=b"), 3);
  expect(verdict).toMatchObject({ kind: "undecided" });
});

describe("a history", () => {
  test("keeps the newest samples, each index once, and no index 0", () => {
    const history = new StateHashHistory();
    history.add(0n, Uint8Array.of(1));
    history.add(5n, new Uint8Array(0));
    for (let i = 1; i <= STATE_HASH_HISTORY + 5; i++) {
      history.add(BigInt(i), Uint8Array.of(i));
      history.add(BigInt(i), Uint8Array.of(i));
    }
    const kept = history.samples(7);
    expect(kept).toHaveLength(STATE_HASH_HISTORY);
    expect(kept.at(-1)).toEqual({ nodeId: 7, hashIndex: 21n, stateHash: Uint8Array.of(21) });
    expect(kept[0]?.hashIndex).toBe(6n);
  });

  test("the last word at an index counts", () => {
    const history = new StateHashHistory();
    history.add(10n, Uint8Array.of(1));
    history.add(10n, Uint8Array.of(2));
    expect(history.samples(1)).toEqual([{ nodeId: 1, hashIndex: 10n, stateHash: Uint8Array.of(2) }]);
  });
});

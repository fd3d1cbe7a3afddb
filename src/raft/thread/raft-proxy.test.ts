import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createSharedIndex, Deferred, storeIndex, unpackBytes } from "../../base/index.ts";
import type { StateMachine } from "../ports.ts";
import { packEntries } from "./entry-batch.ts";
import type { FromRaft, ToRaft } from "./protocol.ts";
import { RaftProxy } from "./raft-proxy.ts";

const LEADER = { nodeId: 1, leader: 1, role: "leader", term: 1, commit: 0, applied: 0 };

/** The main thread's side, with this test in the place of the Raft thread. */
function proxyWithThread(stateMachine: Partial<StateMachine> = {}) {
  const posted: ToRaft[] = [];
  const readIndex = createSharedIndex();
  let tell: (message: FromRaft) => void = () => {};
  const proxy = new RaftProxy(
    { post: (message) => posted.push(message), onMessage: (listener) => (tell = listener) },
    {
      readIndex,
      stateMachine: { apply: async () => {}, ...stateMachine } as never,
      onFatal: (error) => {
        if (error.kind === "thread") throw error;
      },
    },
  );
  tell({ kind: "started", address: { host: "", port: 0 }, status: LEADER as never });
  const batches = () =>
    posted.flatMap((message) =>
      message.kind === "propose" ? [unpackBytes(message.payloads).map((bytes) => bytes[0])] : [],
    );
  let calls = 0;
  const apply = async (): Promise<void> => {
    const entry = {
      index: ++calls,
      term: 1,
      timeMs: 0,
      type: "EntryNormal",
      data: new Uint8Array(1),
    } as const;
    tell({ kind: "call", id: calls, call: { kind: "apply", entries: packEntries([entry]) } });
    await nextTurn();
  };
  const propose = (value: number): void => void expect(proxy.propose(Uint8Array.of(value))).toBe(true);
  return { proxy, batches, apply, propose, readIndex, posted, tell: (message: FromRaft) => tell(message) };
}

describe("proposals to the Raft thread", () => {
  // How long they are held is the test's to say: on a busy machine a turn may take longer.
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => void vi.useRealTimers());

  test("of one turn go together, at its end", async () => {
    const { batches, propose } = proxyWithThread();
    propose(1);
    propose(2);
    expect(batches()).toEqual([]);
    await nextTurn();
    expect(batches()).toEqual([[1, 2]]);
  });

  test("wait for those before them to be committed, and then go together", async () => {
    const { apply, batches, propose } = proxyWithThread();
    propose(1);
    await nextTurn();
    propose(2);
    await nextTurn();
    propose(3);
    expect(batches()).toEqual([[1]]);
    await apply();
    expect(batches()).toEqual([[1], [2, 3]]);
    await apply();
    propose(4);
    await nextTurn();
    expect(batches()).toEqual([[1], [2, 3], [4]]);
  });

  test("that are many do not wait: the log writes them while the next are made", async () => {
    const { apply, batches, propose } = proxyWithThread();
    for (let value = 0; value < 37; value++) propose(value);
    expect(batches().map((batch) => batch.length)).toEqual([16, 16]);
    await nextTurn();
    expect(batches()).toHaveLength(2);
    await apply();
    expect(batches().flat()).toEqual(Array.from({ length: 37 }, (_, value) => value));
    await nextTurn();
    expect(batches()).toHaveLength(3);
  });

  test("do not wait for ever for what nobody may ever apply", async () => {
    const { batches, propose } = proxyWithThread();
    propose(1);
    await nextTurn();
    propose(2);
    await nextTurn();
    expect(batches()).toEqual([[1]]);
    vi.runAllTimers();
    expect(batches()).toEqual([[1], [2]]);
  });

  test("are dropped when the thread has ended while they waited", async () => {
    const { apply, batches, propose, proxy } = proxyWithThread();
    propose(1);
    await nextTurn();
    propose(2);
    void proxy.close();
    proxy.ended(undefined);
    await apply();
    expect(batches()).toEqual([[1]]);
    expect(proxy.propose(Uint8Array.of(3))).toBe(false);
  });
});

test("what the Raft thread knows of reads is seen at once, and nothing after the end", () => {
  const { proxy, readIndex } = proxyWithThread();
  expect(proxy.readIndexNow()).toBeUndefined();
  storeIndex(readIndex, 2 ** 40 + 7);
  expect(proxy.readIndexNow()).toBe(2 ** 40 + 7);
  storeIndex(readIndex, undefined);
  expect(proxy.readIndexNow()).toBeUndefined();
  storeIndex(readIndex, 8);
  expect(() => proxy.ended(new Error("gone"))).toThrow("gone");
  expect(proxy.readIndexNow()).toBeUndefined();
});

describe("a snapshot that is being installed", () => {
  const METADATA = {
    index: 7,
    term: 1,
    confState: { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  };

  /** A snapshot has arrived, and the state machine is switching to it until `end` is called. */
  function installing() {
    const switched = new Deferred<void>();
    const thread = proxyWithThread({ installSnapshot: () => switched.promise });
    const answers: boolean[] = [];
    void thread.proxy.receivedSnapshot(new Uint8Array(1)).then((installed) => answers.push(installed));
    thread.tell({ kind: "call", id: 1, call: { kind: "install-snapshot", metadata: METADATA } });
    return { ...thread, answers, end: () => switched.resolve() };
  }

  test("is not answered when the member stops, but when the Raft thread has heard how that ended", async () => {
    const { tell, answers, end, posted } = installing();
    tell({ kind: "fatal", fatalKind: "wal", message: "EIO", stack: "" });
    await nextTurn();
    expect(answers).toEqual([]);
    end();
    await nextTurn();
    expect(posted.at(-1)).toMatchObject({ kind: "returned", id: 1 });
    tell({ kind: "snapshot-decided", id: 1, installed: true });
    await nextTurn();
    expect(answers).toEqual([true]);
  });

  test("is not answered when the Raft thread has ended, before the switch has ended too", async () => {
    const { proxy, answers, end } = installing();
    void proxy.close();
    proxy.ended(undefined);
    await nextTurn();
    expect(answers).toEqual([]);
    end();
    await nextTurn();
    expect(answers).toEqual([false]);
  });
});

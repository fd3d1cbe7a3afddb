/** The real thing: worker threads, mutual TLS on loopback, files. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OrderedStore, StoreChange, StoreSnapshot } from "../../platform/index.ts";
import { freePorts } from "../../platform/node/index.ts";
import { createTestAuthority, type TestAuthority } from "../../platform/testing/network-certificates.ts";
import type { RaftFatal } from "../errors.ts";
import type { RaftPeer } from "../ports.ts";
import { type SendCopy, type StateCopy, TestStateMachine } from "../testing/test-state-machine.ts";
import { encodeMessage } from "../transport/index.ts";
import { packEntries, unpackEntries } from "./entry-batch.ts";
import { type StartedRaftThread, startRaftThread } from "./index.ts";

const CLUSTER_ID = "cluster-a";
const PATIENCE_MS = 20_000;

async function until(isDone: () => boolean, what: string): Promise<void> {
  for (let waitedMs = 0; !isDone(); waitedMs += 5) {
    if (waitedMs > PATIENCE_MS) throw new Error(`never: ${what}`);
    await sleep(5);
  }
}

/** Rows in memory: the state machine of these tests starts empty, and replays. */
class MapStore implements OrderedStore {
  readonly #rows = new Map<string, Uint8Array>();
  get = (key: string) => this.#rows.get(key);
  getMany = (keys: readonly string[]) => Promise.resolve(keys.map(this.get));
  write = (changes: readonly StoreChange[]) => {
    for (const change of changes) {
      if (change.kind === "put") this.#rows.set(change.key, change.value.slice());
      else this.#rows.delete(change.key);
    }
    return Promise.resolve();
  };
  page = ({ gte = "", lt = "\uffff", limit }: { gte?: string; lt?: string; limit: number }) => {
    const keys = [...this.#rows.keys()].filter((key) => key >= gte && key < lt).sort();
    return Promise.resolve(
      keys.slice(0, limit).map((key) => ({ key, value: this.#rows.get(key) as Uint8Array })),
    );
  };
  async *scan(range: { gte?: string; lt?: string }) {
    yield* await this.page({ ...range, limit: Number.POSITIVE_INFINITY });
  }
  snapshot = (): StoreSnapshot => {
    const copy = new MapStore();
    for (const [key, value] of this.#rows) copy.#rows.set(key, value);
    return {
      get: copy.get,
      getMany: (keys) => Promise.resolve(keys.map((key) => copy.get(key))),
      page: copy.page,
      scan: (range) => copy.scan(range),
      close: () => Promise.resolve(),
    };
  };
  clear = () => Promise.resolve(this.#rows.clear());
  close = () => Promise.resolve();
}

class ThreadMember {
  readonly nodeId: number;
  readonly #cluster: ThreadCluster;
  readonly fatal: RaftFatal[] = [];
  store = new MapStore();
  state: TestStateMachine;
  group: StartedRaftThread | undefined;
  /** Its own also while it is down: one that the system gave would be given to others meanwhile. */
  readonly port: number;

  constructor(cluster: ThreadCluster, nodeId: number, port: number) {
    this.#cluster = cluster;
    this.nodeId = nodeId;
    this.port = port;
    this.state = this.#newState();
  }

  get raft(): StartedRaftThread {
    if (this.group === undefined) throw new Error("not started");
    return this.group;
  }

  get directory(): string {
    return join(this.#cluster.directory, `node-${this.nodeId}`);
  }

  #newState(): TestStateMachine {
    const send: SendCopy = (to, copy, term) => this.#cluster.carry(this.nodeId, to, copy, term);
    return TestStateMachine.open(this.store, send);
  }

  async start(requireExisting = false, voters: readonly number[] = [1, 2, 3]): Promise<void> {
    this.state = this.#newState();
    const nodeId = this.nodeId;
    this.group = await startRaftThread({
      identity: { clusterId: CLUSTER_ID, groupId: 1, nodeId, incarnation: `life-${nodeId}` },
      directory: this.directory,
      listen: { host: "127.0.0.1", port: this.port },
      advertiseHost: "127.0.0.1",
      peers: this.#cluster.peers(),
      ...(requireExisting ? { requireExisting } : { bootstrap: { voters } }),
      settings: {
        tickMs: 20,
        walSegmentBytes: 64 * 1024,
        walMaxBatchBytes: 16 * 1024,
        checkpointEntries: 200,
        trailingEntries: 20,
      },
      stateMachine: this.state,
      onFatal: (error) => this.fatal.push(error),
      tls: await this.#cluster.authority.issue({ clusterId: CLUSTER_ID, nodeId }),
    });
    expect(this.group.address.port).toBe(this.port);
  }
}

class ThreadCluster {
  readonly directory: string;
  readonly authority: TestAuthority;
  readonly members: readonly ThreadMember[];

  private constructor(directory: string, authority: TestAuthority, ports: readonly number[]) {
    this.directory = directory;
    this.authority = authority;
    this.members = ports.map((port, index) => new ThreadMember(this, index + 1, port));
  }

  static async create(directory: string): Promise<ThreadCluster> {
    return new ThreadCluster(directory, await createTestAuthority(), await freePorts(3));
  }

  peers(): RaftPeer[] {
    const running = this.members.filter(({ group }) => group !== undefined);
    return running.map(({ nodeId, port }) => ({
      nodeId,
      host: "127.0.0.1",
      port,
      incarnation: `life-${nodeId}`,
    }));
  }

  leader(): ThreadMember | undefined {
    return this.members.find(({ group }) => group?.status().role === "leader");
  }

  async write(through: ThreadMember, values: readonly string[]): Promise<void> {
    const missing = () => {
      const seen = new Set(through.state.applied.map(({ data }) => new TextDecoder().decode(data)));
      return values.filter((value) => !seen.has(value));
    };
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (missing().length > 0) {
      if (performance.now() > deadlineMs) throw new Error(`never applied: ${missing().slice(0, 5).join()}`);
      for (const value of missing()) through.raft.propose(new TextEncoder().encode(value));
      for (let i = 0; i < 100 && missing().length > 0; i++) await sleep(5);
    }
  }

  async carry(from: number, to: number, copy: StateCopy, term: number): Promise<void> {
    const target = this.members.find(({ nodeId }) => nodeId === to);
    if (target?.group === undefined) throw new Error("cannot be reached");
    target.state.staged = copy;
    const snapshot = { metadata: copy.metadata, data: new Uint8Array(0) };
    const nothing = { logTerm: 0, index: 0, entries: [], commit: 0, vote: 0, reject: false, rejectHint: 0 };
    const message = {
      ...nothing,
      type: "MsgSnap",
      to,
      from,
      term,
      snapshot,
      context: undefined,
      responses: [],
    } as const;
    if (!(await target.group.receivedSnapshot(encodeMessage(message)))) throw new Error("of no use");
  }
}

describe("three members on threads of their own", () => {
  let cluster: ThreadCluster;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "skerry-raft-"));
    cluster = await ThreadCluster.create(directory);
    for (const member of cluster.members) await member.start();
    for (const member of cluster.members) member.raft.setPeers(cluster.peers());
    await until(() => cluster.leader() !== undefined, "a leader is elected");
  });

  afterAll(async () => {
    await Promise.all(cluster.members.map(async ({ group }) => group?.close()));
    await rm(directory, { recursive: true });
  });

  test("apply what is proposed through any of them", async () => {
    for (const member of cluster.members) {
      await until(() => member.raft.status().leader !== 0, "everyone knows the leader");
      await cluster.write(member, [`through ${member.nodeId}`]);
    }
    const index = Math.max(...cluster.members.map(({ state }) => state.metadata.index));
    for (const { state } of cluster.members) {
      await state.untilApplied(index);
      expect(new Set(await state.rows())).toEqual(new Set(["through 1", "through 2", "through 3"]));
    }
  });

  test("read on followers what was written", async () => {
    const [one, two] = cluster.members as [ThreadMember, ThreadMember];
    await cluster.write(one, ["to be read"]);
    const indexes = await Promise.all(Array.from({ length: 20 }, () => two.raft.readIndex(10_000)));
    expect(new Set(indexes).size).toBe(1);
    await two.state.untilApplied(indexes[0] as number);
    expect(await two.state.rows()).toContain("to be read");
  });

  test("bring one that was away for long back by a snapshot", async () => {
    const leader = cluster.leader() as ThreadMember;
    const away = cluster.members.find((member) => member !== leader) as ThreadMember;
    await away.raft.close();
    away.group = undefined;
    const values = Array.from({ length: 600 }, (_, i) => `many ${i}`);
    await cluster.write(leader, values);
    await until(() => leader.raft.status().firstIndex > 300, "the leader's log is cut");
    await away.start(true);
    const index = leader.state.metadata.index;
    await until(() => away.state.metadata.index >= index, "it has caught up");
    expect(await away.state.rows()).toEqual(await leader.state.rows());
    expect(cluster.members.flatMap(({ fatal }) => fatal)).toEqual([]);
  });
});

describe("a thread", () => {
  let directory: string;
  let cluster: ThreadCluster;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "skerry-raft-"));
    cluster = await ThreadCluster.create(directory);
  });

  afterAll(() => rm(directory, { recursive: true }));

  test("that cannot start rejects with the error that it met", async () => {
    const [, , member] = cluster.members as [ThreadMember, ThreadMember, ThreadMember];
    await expect(member.start(true)).rejects.toMatchObject({ name: "WalError", code: "missing" });
    await writeFile(`${member.directory}/0000000000000009.wal`, "SKRYWAL\n".padEnd(1000, "nonsense"));
    await expect(member.start()).rejects.toMatchObject({ name: "WalError", code: "damaged" });
    expect(member.fatal).toEqual([]);
  });

  test("whose state machine throws is a fatal error with its cause, told once", async () => {
    const [one] = cluster.members as [ThreadMember];
    const starting = one.start();
    const bug = new Error("refcount is negative");
    one.state.beforeApply = () => {
      throw bug;
    };
    await expect(starting).rejects.toThrow("refcount is negative");
    await one.group?.close();
  });

  test("that meets a bug later reports it once, with its cause, refuses everything, and can be closed", async () => {
    const [, two] = cluster.members as [ThreadMember, ThreadMember];
    await two.start(false, [2]);
    await until(() => two.raft.status().role === "leader", "it leads alone");
    await until(() => two.raft.readIndexNow() !== undefined, "it answers reads alone");
    expect(two.raft.readIndexNow()).toBe(await two.raft.readIndex(PATIENCE_MS));
    const bug = new Error("refcount is negative");
    two.state.beforeApply = () => {
      throw bug;
    };
    expect(two.raft.propose(new Uint8Array([1]))).toBe(true);
    await until(() => two.fatal.length > 0, "it is reported");
    expect(two.fatal).toMatchObject([{ kind: "state-machine", message: "refcount is negative", cause: bug }]);
    expect(two.raft.propose(new Uint8Array([1]))).toBe(false);
    await expect(two.raft.readIndex(1000)).rejects.toMatchObject({
      name: "RaftUnavailable",
      reason: "stopped",
    });
    await two.raft.close();
    expect(two.fatal).toHaveLength(1);
  });
});

describe("a batch of entries", () => {
  test("comes out as it went in", () => {
    const entries = [1, 2, 3].map((n) => ({
      index: 10 + n,
      term: 2 ** 40 + n,
      type: (["EntryNormal", "EntryConfChange", "EntryConfChangeV2"] as const)[n - 1]!,
      data: new Uint8Array(n * 3).fill(n),
      timeMs: 1_700_000_000_000 + n,
    }));
    expect(unpackEntries(packEntries(entries))).toEqual(entries);
    expect(unpackEntries(packEntries([]))).toEqual([]);
  });
});

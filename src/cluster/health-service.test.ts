import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { NodeHealthSchema } from "../gen/skerry/cluster/v1/cluster_pb.js";
import { SimMachine, Simulation } from "../platform/sim/index.ts";
import { HealthService, type HeartbeatPeer } from "./health-service.ts";
import { HEARTBEAT_PATH } from "./messages.ts";
import type { LocalHealth } from "./ports.ts";
import { TestWire } from "./testing/streams.ts";

const clusterId = "c";

function peer(nodeId: number, incarnation = `i${nodeId}`): HeartbeatPeer {
  return { nodeId, incarnation, address: { host: `n${nodeId}`, port: 1 } };
}

class Bench {
  readonly simulation = new Simulation("health");
  readonly wire = new TestWire();
  readonly local = new Map<number, LocalHealth>();
  readonly services = new Map<number, HealthService>();
  readonly changes: string[] = [];
  /** Nodes that the others take for removed. */
  readonly left = new Set<number>();
  readonly told: string[] = [];

  add(nodeId: number, incarnation = `i${nodeId}`): HealthService {
    const { platform } = new SimMachine(this.simulation, `m${nodeId}-${incarnation}`).boot();
    this.local.set(nodeId, localHealth({ appliedIndex: BigInt(nodeId) }));
    const service = new HealthService({
      identity: { nodeId, incarnation },
      network: this.wire.networkOf({ clusterId, nodeId }),
      clock: platform.clock,
      timers: platform.timers,
      localHealth: () => this.local.get(nodeId)!,
      hasLeft: (other) => this.left.has(other),
      onRemoved: (by) => this.told.push(`${nodeId} by ${by}`),
    });
    this.services.set(nodeId, service);
    this.wire.serve(`n${nodeId}:1`, {
      identity: { clusterId, nodeId },
      handlers: new Map([[HEARTBEAT_PATH, service.handler()]]),
    });
    return service;
  }

  /** Three nodes that know each other; what node 1 sees is noted. */
  trio(): HealthService {
    for (const nodeId of [1, 2, 3]) this.add(nodeId);
    for (const service of this.services.values()) {
      service.setPeers([peer(1), peer(2), peer(3)]);
      service.start();
    }
    const first = this.services.get(1)!;
    first.onChange((change) => this.changes.push(`${change.nodeId} ${change.state}`));
    return first;
  }

  async run(ms: number): Promise<void> {
    await this.simulation.runUntil(() => false, ms);
  }
}

function localHealth(change: Partial<LocalHealth> = {}): LocalHealth {
  return {
    appliedIndex: 0n,
    hashIndex: 0n,
    stateHash: new Uint8Array(0),
    storageWritable: true,
    storageFull: false,
    storageFreeBytes: 100n,
    storageUsedBytes: 10n,
    raftTerm: 1n,
    raftLastIndex: 0n,
    raftFenced: false,
    snapshotReceivedBytes: 0n,
    ...change,
  };
}

test("a node that was removed is told so by whomever it asks, and nobody else is", async () => {
  const bench = new Bench();
  bench.trio();
  await bench.run(2_000);
  expect(bench.told).toEqual([]);
  bench.left.add(3);
  await bench.run(600);
  expect(new Set(bench.told)).toEqual(new Set(["3 by 1", "3 by 2"]));
});

describe("nodes that can reach each other", () => {
  test("see each other alive, with what they say about themselves", async () => {
    const bench = new Bench();
    const first = bench.trio();
    await bench.run(2_000);
    expect(first.peer(2)).toMatchObject({
      state: "alive",
      health: { appliedIndex: 2n, storageWritable: true },
    });
    expect(first.all().map((seen) => [seen.nodeId, seen.state])).toEqual([
      [1, "alive"],
      [2, "alive"],
      [3, "alive"],
    ]);
    bench.local.set(2, localHealth({ storageWritable: false, storageFull: true }));
    await bench.run(1_000);
    expect(first.peer(2).health).toMatchObject({ storageWritable: false, storageFull: true });
    expect(bench.changes).toEqual(["2 alive", "3 alive"]);
  });

  test("a node sees itself alive with its own health, before anything else", () => {
    const service = new Bench().add(1);
    expect(service.peer(1)).toMatchObject({ state: "alive", health: { nodeId: 1n, incarnation: "i1" } });
    expect(service.peer(7)).toEqual({
      nodeId: 7,
      state: "unknown",
      lastSeenMs: undefined,
      heardMs: undefined,
      health: undefined,
    });
  });

  test("their state hashes can be compared", async () => {
    const bench = new Bench();
    const first = bench.trio();
    for (const nodeId of [1, 2, 3]) {
      bench.local.set(
        nodeId,
        localHealth({ hashIndex: 1024n, stateHash: Uint8Array.of(nodeId === 3 ? 9 : 1) }),
      );
    }
    await bench.run(2_000);
    const samples = first
      .stateHashSamples()
      .map((sample) => [sample.nodeId, sample.hashIndex, sample.stateHash[0]]);
    expect(samples.sort()).toEqual([
      [1, 1024n, 1],
      [2, 1024n, 1],
      [3, 1024n, 9],
    ]);
  });
});

describe("a node that is gone", () => {
  test("is suspected, dead, and alive again when it comes back", async () => {
    const bench = new Bench();
    const first = bench.trio();
    await bench.run(2_000);
    bench.wire.cut("n2:1", true);
    await bench.run(20_000);
    expect(first.peer(2).state).toBe("dead");
    expect(first.peer(3).state).toBe("alive");
    bench.wire.cut("n2:1", false);
    await bench.run(15_000);
    expect(first.peer(2).state).toBe("alive");
    expect(bench.changes).toEqual(["2 alive", "3 alive", "2 suspect", "2 dead", "2 suspect", "2 alive"]);
  });

  test("is dead although it still reaches us", async () => {
    const bench = new Bench();
    const first = bench.trio();
    await bench.run(2_000);
    // Node 2 cannot be dialled; its own streams to node 1 go on.
    bench.wire.cut("n2:1", true);
    bench.local.set(2, localHealth({ appliedIndex: 77n }));
    await bench.run(12_000);
    expect(first.peer(2)).toMatchObject({ state: "dead", health: { appliedIndex: 77n } });
    const silentMs = () => first.peer(1).heardMs! - first.peer(2).heardMs!;
    expect(silentMs()).toBeLessThan(1_000);
    bench.services.get(2)!.close();
    await bench.run(12_000);
    expect(silentMs()).toBeGreaterThan(10_000);
  });

  test("that was never there becomes dead", async () => {
    const bench = new Bench();
    const first = bench.add(1);
    first.setPeers([peer(2)]);
    first.start();
    await bench.run(5_000);
    expect(first.peer(2).state).toBe("unknown");
    await bench.run(10_000);
    expect(first.peer(2).state).toBe("dead");
  });

  test("is forgotten when it is no longer a member", async () => {
    const bench = new Bench();
    const first = bench.trio();
    await bench.run(2_000);
    first.setPeers([peer(1), peer(3)]);
    expect(first.peer(2)).toMatchObject({ state: "unknown", health: undefined });
    await bench.run(2_000);
    expect(first.all().map((seen) => seen.nodeId)).toEqual([1, 3]);
  });
});

describe("who does not say the truth", () => {
  test("a wiped node does not pass for the one that it was", async () => {
    const bench = new Bench();
    const first = bench.add(1);
    bench.add(2, "another incarnation");
    first.setPeers([peer(2)]);
    first.start();
    await bench.run(12_000);
    expect(first.peer(2)).toMatchObject({ state: "dead", health: undefined });
    first.setPeers([peer(2, "another incarnation")]);
    await bench.run(2_000);
    expect(first.peer(2).state).toBe("alive");
  });

  test("a heartbeat in another node's name ends the stream", async () => {
    const bench = new Bench();
    const first = bench.trio();
    await bench.run(1_000);
    const connection = bench.wire.networkOf({ clusterId, nodeId: 3 }).connect(peer(1), "control");
    const stream = connection.openStream(HEARTBEAT_PATH, { kind: "stream", maxMessageBytes: 4096 });
    const { HeartbeatRequestSchema } = await import("../gen/skerry/cluster/v1/cluster_pb.js");
    const { encodeMessage } = await import("./messages.ts");
    const closed = new Promise((resolve) => {
      stream.onClose = resolve;
    });
    const health = create(NodeHealthSchema, { nodeId: 2n, incarnation: "i2", appliedIndex: 999n });
    stream.send(encodeMessage(HeartbeatRequestSchema, create(HeartbeatRequestSchema, { health })));
    expect(await closed).toMatchObject({ code: "invalid_argument" });
    expect(first.peer(2).health?.appliedIndex).toBe(2n);
  });

  test("nonsense ends the stream", async () => {
    const bench = new Bench();
    bench.trio();
    const connection = bench.wire.networkOf({ clusterId, nodeId: 3 }).connect(peer(1), "control");
    const stream = connection.openStream(HEARTBEAT_PATH, { kind: "stream", maxMessageBytes: 4096 });
    const closed = new Promise((resolve) => {
      stream.onClose = resolve;
    });
    stream.send([Uint8Array.of(0xff, 0xff)]);
    expect(await closed).toMatchObject({ code: "invalid_argument" });
  });
});

test("a peer whose address changes is dialled there, and what is known of it stays", async () => {
  const bench = new Bench();
  const first = bench.trio();
  await bench.run(2_000);
  const moved = { ...peer(2), address: { host: "elsewhere", port: 1 } };
  first.setPeers([moved, peer(3)]);
  expect(first.peer(2).state).toBe("alive");
  await bench.run(15_000);
  expect(first.peer(2).state).toBe("dead");
});

test("nothing happens after close", async () => {
  const bench = new Bench();
  const first = bench.trio();
  first.close();
  await bench.run(15_000);
  first.setPeers([peer(2)]);
  first.start();
  expect(first.peer(2).state).toBe("unknown");
  expect(bench.changes).toEqual([]);
});

import { describe, expect, test } from "vitest";
import { SimMachine, SimNetworkWorld, Simulation } from "../../platform/sim/index.ts";
import type { Message } from "../types.ts";
import type { TransportEvent } from "./events.ts";
import type { TransportLimits } from "./limits.ts";
import { RaftTransport } from "./transport.ts";

const CLUSTER_ID = "cluster-a";

const LIMITS: TransportLimits = {
  frameBytes: 4 * 1024,
  maxFrameBytes: 64 * 1024,
  maxQueueMessages: 50,
  maxQueueBytes: 64 * 1024,
  minBackoffMs: 50,
  maxBackoffMs: 1000,
};

function heartbeat(from: number, to: number, term: number): Message {
  return {
    type: "MsgHeartbeat",
    to,
    from,
    term,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    vote: 0,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: undefined,
    responses: [],
  };
}

function withEntry(from: number, to: number, term: number, sizeBytes: number): Message {
  const entry = { term, index: 1, type: "EntryNormal" as const, data: new Uint8Array(sizeBytes), timeMs: 1 };
  return { ...heartbeat(from, to, term), type: "MsgApp", entries: [entry] };
}

class Node {
  readonly received: Message[] = [];
  readonly wanted: number[] = [];
  readonly unreachable: number[] = [];
  readonly events: TransportEvent[] = [];
  readonly older: { readonly by: number; readonly message: string }[] = [];
  readonly machine: SimMachine;
  readonly nodeId: number;
  readonly #world: Harness;
  transport!: RaftTransport;

  constructor(world: Harness, nodeId: number) {
    this.#world = world;
    this.nodeId = nodeId;
    this.machine = new SimMachine(world.simulation, `node-${nodeId}`);
  }

  async start(incarnation: string, known: Readonly<Record<number, string>>): Promise<void> {
    const { process, platform } = this.machine.boot();
    const { nodeId } = this;
    const identity = { clusterId: CLUSTER_ID, nodeId };
    const starting = RaftTransport.start({
      ...platform,
      ...identity,
      network: this.#world.network.join({ host: `node-${nodeId}`, process, identity }),
      limits: LIMITS,
      groupId: 1,
      incarnation,
      listen: { host: `node-${nodeId}`, port: 1 },
      advertiseHost: `node-${nodeId}`,
      peers: peersOf(known),
      onMessages: (_from, messages) => this.received.push(...messages),
      onSnapshotWanted: (from) => this.wanted.push(from),
      onOlderStart: (by, message) => this.older.push({ by, message }),
      onUnreachable: (nodeId) => this.unreachable.push(nodeId),
      onEvent: (event) => this.events.push(event),
    });
    this.transport = await this.#world.simulation.complete(starting);
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }
}

function peersOf(known: Readonly<Record<number, string>>) {
  return Object.entries(known).map(([nodeId, incarnation]) => {
    return { nodeId: Number(nodeId), host: `node-${nodeId}`, port: 1, incarnation };
  });
}

class Harness {
  readonly simulation: Simulation;
  readonly network: SimNetworkWorld;
  readonly one: Node;
  readonly two: Node;

  constructor(seed: string) {
    this.simulation = new Simulation(seed);
    this.network = new SimNetworkWorld(this.simulation, {
      limits: { windowBytes: 256 * 1024, sendBufferBytes: 256 * 1024 },
    });
    this.one = new Node(this, 1);
    this.two = new Node(this, 2);
  }

  static async started(
    seed: string,
    known: Readonly<Record<number, string>> = { 1: "a", 2: "b" },
  ): Promise<Harness> {
    const harness = new Harness(seed);
    await harness.one.start("a", known);
    await harness.two.start("b", { 1: "a", 2: "b" });
    return harness;
  }
}

describe("the transport", () => {
  test("delivers in order, over one stream", async () => {
    const { one, two, simulation } = await Harness.started("order");
    for (let term = 1; term <= 40; term++) {
      one.transport.send([heartbeat(1, 2, term), withEntry(1, 2, term, term * 100)]);
      if (term % 10 === 0) await simulation.runFor(5);
    }
    await simulation.runFor(500);
    expect(two.received.map(({ term }) => term)).toEqual(Array.from({ length: 80 }, (_, i) => 1 + (i >> 1)));
    expect(one.kinds()).toEqual(["peer-connected"]);
    expect(one.unreachable).toEqual([]);
  });

  test("asks for a snapshot", async () => {
    const { one, two, simulation } = await Harness.started("want");
    one.transport.askForSnapshot(2);
    await simulation.runFor(500);
    expect(two.wanted).toEqual([1]);
  });

  test("drops what a link that stands still cannot take, and says so", async () => {
    const { one, network, simulation } = await Harness.started("full");
    one.transport.send([heartbeat(1, 2, 1)]);
    await simulation.runFor(100);
    network.cut("node-1", "node-2");
    const sent = 2000;
    for (let i = 0; i < sent; i++) one.transport.send([withEntry(1, 2, 1, 8 * 1024)]);
    const dropped = one.events.reduce(
      (sum, event) => sum + (event.kind === "messages-dropped" ? event.count : 0),
      0,
    );
    expect(dropped).toBeGreaterThan(0);
    expect(dropped).toBeLessThan(sent);
    expect(one.unreachable).toContain(2);
  });

  test("comes back after the other side was away", async () => {
    const { one, two, simulation } = await Harness.started("return");
    one.transport.send([heartbeat(1, 2, 1)]);
    await simulation.runFor(100);
    two.machine.kill();
    for (let i = 0; i < 100; i++) {
      one.transport.send([heartbeat(1, 2, 2)]);
      await simulation.runFor(100);
    }
    expect(one.kinds()).toContain("peer-disconnected");
    expect(one.unreachable).toContain(2);
    await two.start("b", { 1: "a", 2: "b" });
    for (let i = 0; i < 100 && two.received.at(-1)?.term !== 3; i++) {
      one.transport.send([heartbeat(1, 2, 3)]);
      await simulation.runFor(100);
    }
    expect(two.received.at(-1)?.term).toBe(3);
  });

  test("does not talk to another life of a node than the one it knows", async () => {
    const { one, two, simulation } = await Harness.started("life", { 1: "a", 2: "an earlier one" });
    one.transport.send([heartbeat(1, 2, 1)]);
    await simulation.runFor(500);
    expect(two.received).toEqual([]);
    expect(two.events).toMatchObject([{ kind: "peer-refused", peer: 1, code: "failed_precondition" }]);
    expect(one.events).toMatchObject([{ kind: "peer-disconnected", peer: 2, code: "failed_precondition" }]);
    one.transport.setPeers(peersOf({ 1: "a", 2: "b" }));
    await simulation.runFor(1000);
    one.transport.send([heartbeat(1, 2, 2)]);
    await simulation.runFor(500);
    expect(two.received.map(({ term }) => term)).toEqual([2]);
  });

  test("answers a node that nobody has named, once that has introduced itself", async () => {
    const { one, two, simulation } = await Harness.started("introduced", { 2: "b" });
    two.transport.setPeers([]);
    one.transport.send([heartbeat(1, 2, 1)]);
    await simulation.runFor(500);
    expect(two.received.map(({ term }) => term)).toEqual([1]);
    two.transport.send([heartbeat(2, 1, 2)]);
    two.transport.askForSnapshot(1);
    await simulation.runFor(500);
    expect(one.received.map(({ term }) => term)).toEqual([2]);
    expect(one.wanted).toEqual([2]);
  });

  test("finds a node that was named at an old address where it says that it is, until it is named anew", async () => {
    const { one, two, simulation } = await Harness.started("moved");
    const stale = { nodeId: 1, host: "node-gone", port: 1, incarnation: "a" };
    two.transport.setPeers([stale]);
    one.transport.send([heartbeat(1, 2, 1)]);
    await simulation.runFor(500);
    // Whoever names it is still behind.
    two.transport.setPeers([stale]);
    two.transport.send([heartbeat(2, 1, 2)]);
    await simulation.runFor(500);
    expect(one.received.map(({ term }) => term)).toEqual([2]);
    two.transport.setPeers([{ ...stale, host: "node-elsewhere" }]);
    two.transport.send([heartbeat(2, 1, 3)]);
    await simulation.runFor(500);
    expect(one.received.map(({ term }) => term)).toEqual([2]);
  });

  test("does not answer a node that was removed, whatever it says", async () => {
    const { one, two, simulation } = await Harness.started("removed", { 2: "b" });
    one.transport.send([heartbeat(1, 2, 1)]);
    await simulation.runFor(500);
    two.transport.setPeers([], [1]);
    two.transport.send([heartbeat(2, 1, 2)]);
    one.transport.send([heartbeat(1, 2, 3)]);
    await simulation.runFor(500);
    expect(two.unreachable).toContain(1);
    expect(one.received).toEqual([]);
    expect(two.received.map(({ term }) => term)).toEqual([1]);
  });

  test("reports a peer that it does not know as unreachable, and refuses messages that never leave a node", async () => {
    const { one } = await Harness.started("unknown");
    one.transport.send([heartbeat(1, 9, 1)]);
    expect(one.unreachable).toEqual([9]);
    expect(() => one.transport.send([{ ...heartbeat(1, 2, 1), type: "MsgHup" }])).toThrow(RangeError);
  });
});

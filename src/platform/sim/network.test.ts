import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import type {
  Listener,
  Network,
  PeerConnection,
  PeerIdentity,
  SocketAddress,
  StreamHandler,
} from "../ports.ts";
import {
  describeNetwork,
  type NetworkHarness,
  type Passage,
  StreamRecorder,
} from "../testing/network-suite.ts";
import { SimNetworkWorld, type SimNetworkWorldOptions } from "./network.ts";
import { SimProcess } from "./process.ts";
import { Simulation } from "./simulation.ts";

const WINDOW_BYTES = 256 * 1024;

class SimNetworkHarness implements NetworkHarness {
  readonly simulation: Simulation;
  readonly world: SimNetworkWorld;
  readonly greatestBacklogBytes = 2 * WINDOW_BYTES;
  #anonymous = 0;

  constructor(seed: string | number, options: SimNetworkWorldOptions = {}) {
    this.simulation = new Simulation(seed);
    this.world = new SimNetworkWorld(this.simulation, {
      ...options,
      limits: { windowBytes: WINDOW_BYTES, sendBufferBytes: WINDOW_BYTES, ...options.limits },
    });
  }

  async join(identity: PeerIdentity): Promise<Network> {
    return this.world.join({ host: hostOf(identity), process: new SimProcess(this.simulation), identity });
  }

  connectAnonymously(_clusterId: string, address: SocketAddress): PeerConnection {
    const host = `anonymous-${this.#anonymous++}`;
    return this.world
      .join({ host, process: new SimProcess(this.simulation) })
      .connect({ address }, "control");
  }

  listenAddress(identity: PeerIdentity): SocketAddress {
    return { host: hostOf(identity), port: 0 };
  }

  async passageTo(listener: Listener): Promise<Passage> {
    const { world } = this;
    const { address } = listener;
    const ways = [
      ["cluster-a-2", address.host],
      [address.host, "cluster-a-2"],
    ] as const;
    return {
      address,
      reset: () => world.resetConnections(address.host),
      cut: () => {
        for (const [from, to] of ways) world.cut(from, to);
      },
      heal: () => {
        for (const [from, to] of ways) world.heal(from, to);
      },
    };
  }

  async until(isDone: () => boolean, what: string): Promise<void> {
    for (let i = 0; i < 600; i++) {
      // Asked from time to time even when nothing happens: conditions may start things.
      if (await this.simulation.runUntil(isDone, 100)) return;
    }
    throw new Error(`did not happen: ${what}`);
  }

  async settle(): Promise<void> {
    await this.simulation.runFor(500);
  }

  async close(): Promise<void> {}
}

function hostOf(identity: PeerIdentity): string {
  return `${identity.clusterId}-${identity.nodeId}`;
}

describeNetwork("on virtual time", async () => new SimNetworkHarness("network suite"));

const PATH = "/test.v1.TestService/Talk";
const STREAM = { kind: "stream", maxMessageBytes: 1_000_000 } as const;

/** Two machines, "a" that dials and "b" that serves; what b receives is written down. */
class Pair {
  readonly simulation: Simulation;
  readonly world: SimNetworkWorld;
  readonly a: SimProcess;
  readonly b: SimProcess;
  readonly served: StreamRecorder[] = [];
  readonly connection: PeerConnection;

  constructor(seed: string | number, options: SimNetworkWorldOptions = {}) {
    this.simulation = new Simulation(seed);
    this.world = new SimNetworkWorld(this.simulation, options);
    this.a = new SimProcess(this.simulation);
    this.b = new SimProcess(this.simulation);
    const join = (host: string, process: SimProcess, nodeId: number): Network =>
      this.world.join({ host, process, identity: { clusterId: "c", nodeId } });
    const handler: StreamHandler = {
      ...STREAM,
      open: (stream) => this.served.push(new StreamRecorder(stream)),
    };
    void join("b", this.b, 2).listen({ host: "b", port: 1 }, new Map([[PATH, handler]]));
    this.connection = join("a", this.a, 1).connect({ address: { host: "b", port: 1 }, nodeId: 2 }, "raft");
  }

  open(): StreamRecorder {
    return new StreamRecorder(this.connection.openStream(PATH, STREAM));
  }

  async established(): Promise<StreamRecorder> {
    const client = this.open();
    client.say("hello");
    await this.simulation.runUntil(
      () => this.served.length === 1 && this.served[0]!.messages.length === 1,
      1_000,
    );
    expect(this.served).toHaveLength(1);
    return client;
  }
}

describe("faults of the simulated network", () => {
  it("a cut shorter than the keep-alive's patience delays and loses nothing", async () => {
    const pair = new Pair("short cut");
    const client = await pair.established();
    pair.world.cut("a", "b");
    for (let i = 0; i < 10; i++) client.say(`${i}`);
    await pair.simulation.runFor(2_000);
    expect(pair.served[0]!.messages).toHaveLength(1);
    pair.world.heal("a", "b");
    await pair.simulation.runFor(100);
    expect(pair.served[0]!.texts).toEqual(["hello", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    expect(client.closes).toEqual([]);
  });

  it.each([
    ["a", "b"],
    ["b", "a"],
  ])("a cut of one direction alone (%s to %s) is noticed by both sides", async (from, to) => {
    const pair = new Pair("one way");
    const client = await pair.established();
    pair.world.cut(from, to);
    await pair.simulation.runFor(10_000);
    expect(client.closes[0]?.code).toBe("unavailable");
    expect(pair.served[0]!.closes[0]?.code).toBe("unavailable");
  });

  it("nothing passes between the groups of a partition, and everything within one", async () => {
    const pair = new Pair("partition");
    pair.world.partition([["a"], ["b", "c"]]);
    const client = pair.open();
    const process = new SimProcess(pair.simulation);
    const third = pair.world.join({ host: "c", process, identity: { clusterId: "c", nodeId: 3 } });
    const other = new StreamRecorder(
      third.connect({ address: { host: "b", port: 1 } }, "raft").openStream(PATH, STREAM),
    );
    other.say("from the same side");
    await pair.simulation.runFor(10_000);
    expect(client.closes).toEqual([{ code: "unavailable", message: "cannot connect: no answer" }]);
    expect(pair.served.map((served) => served.texts)).toEqual([["from the same side"]]);
    pair.world.healAll();
    const again = pair.open();
    again.say("healed");
    await pair.simulation.runFor(1_000);
    expect(pair.served[1]?.texts).toEqual(["healed"]);
  });

  it("a clogged link keeps the order", async () => {
    const pair = new Pair("clog");
    const client = await pair.established();
    pair.world.clog("a", "b", 300);
    client.say("during");
    await pair.simulation.runFor(299);
    expect(pair.served[0]!.messages).toHaveLength(1);
    await pair.simulation.runFor(5);
    client.say("after");
    await pair.simulation.runFor(100);
    expect(pair.served[0]!.texts).toEqual(["hello", "during", "after"]);
  });

  it("a paused program gets what arrived meanwhile, in order; a long pause costs it its connections", async () => {
    const pair = new Pair("pause");
    const client = await pair.established();
    pair.b.pause();
    client.say("one");
    await pair.simulation.runFor(1_500);
    client.say("two");
    await pair.simulation.runFor(500);
    expect(pair.served[0]!.messages).toHaveLength(1);
    pair.b.resume();
    client.say("three");
    await pair.simulation.runFor(100);
    expect(pair.served[0]!.texts).toEqual(["hello", "one", "two", "three"]);
    pair.b.pause();
    await pair.simulation.runFor(10_000);
    expect(client.closes[0]?.code).toBe("unavailable");
    expect(pair.served[0]!.closes).toEqual([]);
    pair.b.resume();
    await pair.simulation.runFor(1_000);
    expect(pair.served[0]!.closes[0]?.code).toBe("unavailable");
  });

  it("the peers of a program that died learn of it; it is told nothing more", async () => {
    const pair = new Pair("kill");
    const client = await pair.established();
    pair.b.kill();
    client.say("too late");
    await pair.simulation.runFor(5_000);
    expect(client.closes[0]?.code).toBe("unavailable");
    expect(pair.served[0]!.closes).toEqual([]);
    expect(pair.served[0]!.messages).toHaveLength(1);
  });

  it("a loss that is not made good breaks the connection on both sides", async () => {
    const pair = new Pair("loss");
    const client = await pair.established();
    pair.world.setLink("a", "b", { resetProbability: 1 });
    client.say("lost");
    await pair.simulation.runFor(100);
    expect(client.closes[0]?.code).toBe("unavailable");
    expect(pair.served[0]!.closes[0]?.code).toBe("unavailable");
    expect(pair.served[0]!.texts).toEqual(["hello"]);
  });

  it("bytes take their time on a narrow link", async () => {
    const pair = new Pair("narrow", { link: { bytesPerMs: 1_000 } });
    const client = await pair.established();
    client.stream.send([new Uint8Array(500_000)]);
    await pair.simulation.runFor(490);
    expect(pair.served[0]!.messages).toHaveLength(1);
    await pair.simulation.runFor(50);
    expect(pair.served[0]!.messages).toHaveLength(2);
  });
});

/** A random story of messages and faults; returns everything that was seen, with times. */
async function randomStory(seed: number): Promise<string[]> {
  const pair = new Pair(seed, { link: { resetProbability: 0.002, slowProbability: 0.05 } });
  const prng = createPrng(seed).fork("story");
  const trace: string[] = [];
  const note = (what: string): unknown => trace.push(`${pair.simulation.nowMs} ${what}`);
  const sent: string[][] = [];
  const clients: StreamRecorder[] = [];
  for (let step = 0; step < 150; step++) {
    let current = clients.at(-1);
    if (current === undefined || current.isClosed) {
      current = pair.open();
      clients.push(current);
      sent.push([]);
      current.say(`stream ${clients.length - 1}`);
    }
    if (!current.isClosed) {
      current.say(`message ${step}`);
      sent[clients.length - 1]!.push(`message ${step}`);
    }
    const [from, to] = prng.chance(0.5) ? ["a", "b"] : ["b", "a"];
    if (prng.chance(0.05)) pair.world.cut(from!, to!);
    if (prng.chance(0.05)) pair.world.clog(from!, to!, prng.below(3_000));
    if (prng.chance(0.2)) pair.world.healAll();
    if (prng.chance(0.02)) pair.world.resetConnections("a", "b");
    await pair.simulation.runFor(prng.below(400));
    note(
      `${clients.map((client) => client.closes.length)} ${pair.served.map((served) => served.messages.length)}`,
    );
  }
  for (const served of pair.served) {
    const [name, ...received] = served.texts;
    if (name === undefined) continue;
    const wanted = sent[Number(name.slice("stream ".length))]!;
    expect(received, `seed ${seed}, ${name}`).toEqual(wanted.slice(0, received.length));
  }
  trace.push(JSON.stringify(pair.served.map((served) => [served.texts, served.closes])));
  return trace;
}

describe("the simulated network", () => {
  it("delivers a prefix of what was sent, in order, whatever happens", async () => {
    const story = fc.asyncProperty(fc.nat(), async (seed) => {
      await randomStory(seed);
    });
    await fc.assert(story, { numRuns: 30 });
  });

  it("tells the same story for the same seed", async () => {
    const first = await randomStory(4711);
    expect(await randomStory(4711)).toEqual(first);
    expect(await randomStory(4712)).not.toEqual(first);
  });
});

import type { Prng } from "../../base/index.ts";
import { unreachable } from "../../base/index.ts";
import type { VolumeImage } from "../../platform/sim/index.ts";
import { DATA_DIRECTORY } from "../cluster/node-config.ts";
import type { Operator } from "../cluster/operator.ts";
import type { SimulatedCluster } from "../cluster/simulated-cluster.ts";
import type { SimulatedNode } from "../cluster/simulated-node.ts";
import type { Trace } from "../trace.ts";
import { isStartKnown } from "./known-start.ts";
import type { Fault, FaultKind, PlannedFault } from "./plan.ts";

/** A bad link: mostly a little late, sometimes very late, and now and then its connections break. */
const BAD_LINK = { slowProbability: 0.3, slowDelayMs: 800, resetProbability: 0.02 } as const;
/** What a full disk has left, in bytes. */
const FULL_LEFT_BYTES = 2000;
/** How long a disk waits to be put back until all know better, in milliseconds. */
const RESTORE_RETRY_MS = 250;

type SimLink = ReturnType<SimulatedCluster["world"]["link"]>;

/** A link that at least one fault has made bad. */
interface BadLink {
  readonly good: SimLink["profile"];
  faults: number;
}

export interface InjectorOptions {
  readonly cluster: SimulatedCluster;
  readonly faults: readonly PlannedFault[];
  readonly prng: Prng;
  readonly trace: Trace;
  readonly operator: Operator;
}

/** Makes go wrong what was planned, and right again. */
export class FaultInjector {
  readonly #options: InjectorOptions;
  /** What ends the faults that last. */
  readonly #lasting = new Set<() => void>();
  readonly #counts = new Map<FaultKind, number>();
  readonly #badLinks = new Map<SimLink, BadLink>();
  #isOver = false;
  /** How far a clock that is right is before the time of the simulation, in milliseconds. */
  #rightLeadMs = 0;

  constructor(options: InjectorOptions) {
    this.#options = options;
  }

  /** How many were injected, by kind. */
  get counts(): ReadonlyMap<FaultKind, number> {
    return this.#counts;
  }

  start(): void {
    const { cluster, faults } = this.#options;
    this.#rightLeadMs = Math.max(...cluster.nodes.map(({ machine }) => this.#leadMs(machine.clock)));
    for (const fault of faults) cluster.simulation.schedule(fault.atMs, () => this.#inject(fault));
  }

  /** Ends all that lasts, and nothing more goes wrong. */
  stop(): void {
    this.#isOver = true;
    for (const end of [...this.#lasting]) end();
    const { cluster } = this.#options;
    cluster.world.healAll();
    for (const node of cluster.nodes) this.#healDisk(node);
    this.#agreeOnTime();
  }

  /** NTP is back. The time in the log may be ahead of it, and goes on nevertheless. */
  #agreeOnTime(): void {
    const { cluster } = this.#options;
    for (const { machine } of cluster.nodes) {
      machine.clock.jumpWall(this.#rightLeadMs - this.#leadMs(machine.clock));
    }
    cluster.clockLeadMs = this.#rightLeadMs;
  }

  #leadMs(clock: SimulatedNode["machine"]["clock"]): number {
    return clock.wallMs() - this.#options.cluster.simulation.nowMs;
  }

  #inject(fault: PlannedFault): void {
    if (this.#isOver) return;
    const { cluster, trace } = this.#options;
    const { id, atMs: _atMs, ...what } = fault;
    const has = this.#apply(fault);
    trace.add(
      cluster.simulation.nowMs,
      `fault ${id} ${JSON.stringify(what)}${has ? "" : " (nothing to strike)"}`,
    );
    if (has) this.#counts.set(fault.kind, (this.#counts.get(fault.kind) ?? 0) + 1);
  }

  /** False: there was nothing that it could strike. */
  #apply(fault: Fault): boolean {
    const { cluster } = this.#options;
    switch (fault.kind) {
      case "crash":
      case "kill":
        return this.#withLife(fault.node, (node) => cluster.restart(node, fault.kind, fault.downMs));
      case "restart":
        return this.#withLife(fault.node, (node) => cluster.restartCleanly(node, fault.downMs));
      case "blackout":
        for (const node of cluster.members)
          if (node.life !== undefined) cluster.restart(node, "crash", fault.downMs);
        return true;
      case "pause":
        return this.#withLife(fault.node, (node) => this.#pause(node, fault.durationMs));
      case "misdirect":
        return this.#withLife(fault.node, (node) => {
          node.hasDamagedSegments = true;
          node.hasDamagedLog = true;
          cluster.restart(node, "misdirect", fault.downMs);
        });
      case "partition":
      case "one-way":
      case "clog":
      case "bad-link":
      case "reset":
        return this.#applyToNetwork(fault);
      case "disk-errors":
      case "disk-full":
      case "disk-read-only":
      case "disk-slow":
      case "bit-rot":
        return this.#applyToDisk(fault);
      case "clock-jump":
        return this.#with(fault.node, (node) => node.machine.clock.jumpWall(fault.byMs));
      case "wipe":
        return this.#with(fault.node, (node) => {
          cluster.end(node, "crash");
          node.machine.volume.wipe();
          node.isWiped = true;
          cluster.startLater(node, fault.downMs);
        });
      case "restore":
        return this.#withLife(fault.node, (node) => {
          cluster.restart(node, "kill", fault.downMs);
          const image = node.machine.volume.capture();
          cluster.simulation.schedule(fault.durationMs, () => this.#restore(node, image, fault.downMs));
        });
      case "transfer":
        return this.#with(fault.to, ({ nodeId }) => {
          for (const node of cluster.serving) node.life?.raft?.transferLeadership(nodeId);
        });
      case "add":
        this.#options.operator.add();
        return true;
      case "replace":
        return this.#with(fault.node, (node) => this.#options.operator.replace(node));
      default:
        return unreachable(fault);
    }
  }

  /** Where the others cannot know better nothing is taken back that counts: they refuse it by the start that they have heard of since. */
  #restore(node: SimulatedNode, image: VolumeImage, downMs: number): void {
    const { cluster, trace } = this.#options;
    if (this.#isOver || node.isRetired) return;
    if (node.life?.engines === undefined || !isStartKnown(cluster, node)) {
      cluster.simulation.schedule(RESTORE_RETRY_MS, () => this.#restore(node, image, downMs));
      return;
    }
    cluster.end(node, "kill");
    node.machine.volume.restore(image);
    node.isRestored = true;
    cluster.startLater(node, downMs);
    trace.add(cluster.simulation.nowMs, `${node.name} has an older disk`);
  }

  #applyToNetwork(
    fault: Extract<Fault, { kind: "partition" | "one-way" | "clog" | "bad-link" | "reset" }>,
  ): boolean {
    const { cluster } = this.#options;
    const { world, nodes } = cluster;
    const host = (at: number): string => nodes[at]!.name;
    switch (fault.kind) {
      case "partition": {
        const inside = nodes.filter((_, at) => fault.inside.includes(at)).map(({ name }) => name);
        const outside = nodes.map(({ name }) => name).filter((name) => !inside.includes(name));
        world.partition([inside, outside]);
        this.#endAfter(fault.durationMs, () => {
          for (const a of inside)
            for (const b of outside)
              for (const [from, to] of [
                [a, b],
                [b, a],
              ] as const)
                world.heal(from, to);
        });
        return true;
      }
      case "one-way":
        world.cut(host(fault.from), host(fault.to));
        this.#endAfter(fault.durationMs, () => world.heal(host(fault.from), host(fault.to)));
        return true;
      case "clog":
        world.clog(host(fault.from), host(fault.to), fault.durationMs);
        return true;
      case "bad-link": {
        const link = world.link(host(fault.from), host(fault.to));
        // Several may overlap on one link: it is good again when the last of them ends.
        const bad = this.#badLinks.get(link) ?? { good: link.profile, faults: 0 };
        this.#badLinks.set(link, bad);
        bad.faults++;
        link.profile = { ...bad.good, ...BAD_LINK };
        this.#endAfter(fault.durationMs, () => {
          if (--bad.faults > 0) return;
          link.profile = bad.good;
          this.#badLinks.delete(link);
        });
        return true;
      }
      case "reset":
        world.resetConnections(host(fault.node));
        return true;
    }
  }

  #applyToDisk(
    fault: Extract<Fault, { kind: "disk-errors" | "disk-full" | "disk-read-only" | "disk-slow" | "bit-rot" }>,
  ): boolean {
    const node = this.#member(fault.node);
    if (node === undefined) return false;
    const { volume } = node.machine;
    switch (fault.kind) {
      case "disk-errors":
        volume.faults[`${fault.operation}Error`] = fault.probability;
        break;
      case "disk-full":
        volume.faults.capacityBytes = volume.usedBytes() + FULL_LEFT_BYTES;
        break;
      case "disk-read-only":
        volume.faults.isReadOnly = true;
        break;
      case "disk-slow":
        volume.faults.greatestLatencyMs = fault.latencyMs;
        break;
      case "bit-rot":
        return fault.area === "state"
          ? rotState(node, fault.position)
          : this.#rot(node, fault.area, fault.position);
    }
    this.#endAfter(fault.durationMs, () => this.#healDisk(node));
    return true;
  }

  #rot(node: SimulatedNode, area: "segments" | "log", position: number): boolean {
    const { volume } = node.machine;
    const directory =
      area === "segments" ? `${DATA_DIRECTORY}/segments/segments/` : `${DATA_DIRECTORY}/raft/`;
    const files = volume.files().filter(({ path, sizeBytes }) => path.startsWith(directory) && sizeBytes > 0);
    const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    let at = Math.floor(position * total);
    for (const { path, sizeBytes } of files) {
      if (at < sizeBytes) {
        volume.flipBit(path, at, this.#options.prng.below(8));
        if (area === "segments") node.hasDamagedSegments = true;
        else node.hasDamagedLog = true;
        return true;
      }
      at -= sizeBytes;
    }
    return false;
  }

  #healDisk({ machine }: SimulatedNode): void {
    const { faults } = machine.volume;
    faults.readError = 0;
    faults.writeError = 0;
    faults.syncError = 0;
    faults.capacityBytes = 2 ** 40;
    faults.isReadOnly = false;
    faults.greatestLatencyMs = this.#options.cluster.settings.greatestDiskMs;
  }

  #pause(node: SimulatedNode, durationMs: number): void {
    const process = node.life!.process;
    process.pause();
    this.#endAfter(durationMs, () => {
      if (process.isAlive) process.resume();
    });
  }

  #endAfter(durationMs: number, end: () => void): void {
    const once = (): void => {
      if (this.#lasting.delete(once)) end();
    };
    this.#lasting.add(once);
    this.#options.cluster.simulation.schedule(durationMs, once);
  }

  /** Undefined: its disk is gone for good. */
  #member(at: number): SimulatedNode | undefined {
    const node = this.#options.cluster.nodes[at];
    return node === undefined || node.isRetired ? undefined : node;
  }

  #with(at: number, action: (node: SimulatedNode) => void): boolean {
    const node = this.#member(at);
    if (node === undefined) return false;
    action(node);
    return true;
  }

  #withLife(at: number, action: (node: SimulatedNode) => void): boolean {
    const node = this.#member(at);
    if (node?.life?.process.isAlive !== true) return false;
    action(node);
    return true;
  }
}

/** One row of the applied metadata cannot be read any more. */
function rotState({ machine }: SimulatedNode, position: number): boolean {
  const { volume } = machine;
  const [directory] = volume.stores().filter((path) => path.startsWith(`${DATA_DIRECTORY}/state/`));
  if (directory === undefined) return false;
  const keys = volume.storeKeys(directory);
  const key = keys[Math.floor(position * keys.length)];
  if (key !== undefined) volume.damageRow(directory, key);
  return key !== undefined;
}

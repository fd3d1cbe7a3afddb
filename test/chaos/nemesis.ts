/** Does to a cluster what a schedule says, heals it, and sees that it comes back. */

import { pause } from "../support/seeded.ts";
import { leaderOf, writableNodes } from "../support/status.ts";
import type { TestNode } from "../support/test-cluster.ts";
import type { ChaosCluster } from "./chaos-cluster.ts";
import { CLIENTS, type Disturbance } from "./chaos-network.ts";
import { describeFault, type Fault, type FaultKind, type Step, type Victim } from "./schedule.ts";

/** How long a node may take to be ready once everything is healed, how long to end after an error of its log, and to stop when told. */
const READY_TIMEOUT_MS = 120_000;
const END_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 60_000;
/** A disk that failed is tried again every minute. */
const WRITABLE_TIMEOUT_MS = 150_000;
/** How long the others may take to go on without one node. */
const PROGRESS_TIMEOUT_MS = 60_000;

export interface NemesisOptions {
  readonly cluster: ChaosCluster;
  /** Acknowledged writes through nodes other than this one. */
  readonly writtenElsewhere: (node: number) => number;
  readonly say: (line: string) => void;
}

interface Active {
  readonly fault: Fault;
  readonly nodes: readonly TestNode[];
  heal(): Promise<void>;
}

export class Nemesis {
  readonly faults = new Map<FaultKind, number>();
  readonly violations: string[] = [];
  /** Processes that were started again, and what ended them. */
  readonly recoveries = { afterKill: 0, afterStop: 0, afterOwnEnd: 0 };
  #failedCalls = 0;
  readonly #options: NemesisOptions;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** Syncs and writes that failed because of the fault library. */
  get failedCalls(): number {
    return this.#failedCalls;
  }

  /** Resolves when the step is over and all nodes are ready. Rejects when they are not in time. */
  async run(step: Step): Promise<void> {
    const { cluster, say, writtenElsewhere } = this.#options;
    say(step.faults.map(describeFault).join("  AND  "));
    const active: Active[] = [];
    for (const fault of step.faults) active.push(await this.#begin(fault));
    const only = active.length === 1 && active[0]?.nodes.length === 1 ? active[0].nodes[0] : undefined;
    const before = only === undefined ? 0 : writtenElsewhere(only.number);
    await pause(step.holdMs);
    if (only !== undefined) await this.#expectProgress(only, before);
    for (const { heal } of active.reverse()) await heal();
    for (const { fault, nodes } of active)
      this.faults.set(fault.kind, (this.faults.get(fault.kind) ?? 0) + nodes.length);
    this.#expectAlive(active);
    await this.restart();
    for (const node of cluster.nodes) await cluster.cluster.ready(node, READY_TIMEOUT_MS);
    await pause(step.restMs);
  }

  /** When everything is healed, every disk takes writes again, without anybody's help. */
  async expectWritable(): Promise<void> {
    const { cluster } = this.#options.cluster;
    const deadline = Date.now() + WRITABLE_TIMEOUT_MS;
    for (const seenBy of cluster.nodes) {
      for (;;) {
        const writable = await writableNodes(cluster, seenBy);
        if (writable.length === cluster.nodes.length) break;
        if (Date.now() > deadline) {
          this.violations.push(
            `node ${seenBy.number} sees only the disks of ${writable.join(", ")} take writes`,
          );
          break;
        }
        await pause(500);
      }
    }
  }

  /** Starts every node that does not run. */
  async restart(): Promise<void> {
    const { cluster } = this.#options;
    for (const node of cluster.nodes) {
      if (cluster.isRunning(node)) continue;
      const { exitCode, signalCode } = node.process ?? { exitCode: null, signalCode: null };
      if (signalCode !== null) this.recoveries.afterKill++;
      else if (exitCode === 0) this.recoveries.afterStop++;
      else this.recoveries.afterOwnEnd++;
      cluster.cluster.launch(node);
    }
  }

  async #begin(fault: Fault): Promise<Active> {
    switch (fault.kind) {
      case "kill":
      case "terminate":
      case "pause":
        return this.#signal(fault);
      case "isolate":
      case "partial":
      case "mute":
      case "slow":
        return this.#disturb(fault);
      case "clock":
      case "disk-full":
      case "sync-error":
      case "write-error":
        return this.#spoil(fault);
    }
  }

  async #signal(fault: Extract<Fault, { victims: unknown }>): Promise<Active> {
    const { cluster } = this.#options;
    const nodes = [...new Set(await Promise.all(fault.victims.map((victim) => this.#nodeOf(victim))))].filter(
      (node) => cluster.isRunning(node),
    );
    if (fault.kind === "kill") {
      await Promise.all(nodes.map((node) => cluster.cluster.kill(node)));
      return { fault, nodes, heal: async () => {} };
    }
    if (fault.kind === "pause") {
      for (const node of nodes) node.process?.kill("SIGSTOP");
      return {
        fault,
        nodes,
        heal: async () => {
          for (const node of nodes) node.process?.kill("SIGCONT");
        },
      };
    }
    for (const node of nodes) node.process?.kill("SIGTERM");
    return {
      fault,
      nodes,
      heal: async () => {
        for (const node of nodes) {
          if (await this.#ends(node, STOP_TIMEOUT_MS)) continue;
          this.violations.push(`node ${node.number} does not stop when it is told to`);
          await cluster.cluster.kill(node);
        }
      },
    };
  }

  async #disturb(fault: Extract<Fault, { kind: "isolate" | "partial" | "mute" | "slow" }>): Promise<Active> {
    const { cluster } = this.#options;
    const node = await this.#nodeOf(fault.kind === "partial" ? fault.one : fault.victim);
    const others = cluster.nodes.filter((each) => each !== node).map(({ number }) => number);
    const heal = await cluster.network.disturb(disturbancesOf(fault, node.number, others));
    return { fault, nodes: [node], heal };
  }

  async #spoil(
    fault: Extract<Fault, { kind: "clock" | "disk-full" | "sync-error" | "write-error" }>,
  ): Promise<Active> {
    const { cluster, say } = this.#options;
    const node = await this.#nodeOf(fault.victim);
    const control = cluster.controlOf(node);
    if (fault.kind === "clock") {
      control.setClockOffset(fault.offsetMs);
      return { fault, nodes: [node], heal: async () => control.setClockOffset(0) };
    }
    if (fault.kind === "disk-full") {
      const disk = cluster.diskOf(node);
      say(`  node ${node.number}: the last ${disk.fill()} bytes of its disk are taken`);
      return { fault, nodes: [node], heal: async () => disk.free() };
    }
    const before = control.given();
    control.fail(fault.kind === "sync-error" ? "sync" : "write", `/${fault.part}/`);
    return {
      fault,
      nodes: [node],
      heal: async () => {
        const given = control.given() - before;
        this.#failedCalls += given;
        say(`  node ${node.number}: ${given} calls failed`);
        // The first error of the log ends the node: nothing may be acknowledged after it.
        if (fault.part === "raft" && given > 0 && !(await this.#ends(node, END_TIMEOUT_MS))) {
          this.violations.push(
            `node ${node.number} goes on after an error of its log (${describeFault(fault)})`,
          );
        }
        control.failNothing();
      },
    };
  }

  /** One node's trouble is that node's alone. */
  async #expectProgress(victim: TestNode, before: number): Promise<void> {
    const { writtenElsewhere } = this.#options;
    const deadline = Date.now() + PROGRESS_TIMEOUT_MS;
    while (writtenElsewhere(victim.number) === before) {
      if (Date.now() > deadline) {
        this.violations.push(`with node ${victim.number} in trouble the others acknowledge nothing`);
        return;
      }
      await pause(50);
    }
  }

  /** No node ends by itself but for its disk. */
  #expectAlive(active: readonly Active[]): void {
    const { cluster } = this.#options;
    const mayEnd = new Set(active.filter(({ fault }) => endsNodes(fault.kind)).flatMap(({ nodes }) => nodes));
    for (const node of cluster.nodes) {
      const isDead = !cluster.isRunning(node) && node.process?.signalCode !== "SIGKILL";
      if (!isDead || mayEnd.has(node)) continue;
      this.violations.push(`node ${node.number} ended by itself:\n${cluster.cluster.logTail(node, 2000)}`);
    }
  }

  async #ends(node: TestNode, timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs;
    while (this.#options.cluster.isRunning(node)) {
      if (Date.now() > deadline) return false;
      await pause(50);
    }
    return true;
  }

  /** When nobody knows a leader, the first node will do. */
  async #nodeOf(victim: Victim): Promise<TestNode> {
    const { cluster } = this.#options.cluster;
    if (victim !== "leader") return cluster.node(victim);
    return leaderOf(cluster).catch(() => cluster.node(1));
  }
}

function endsNodes(kind: FaultKind): boolean {
  return kind === "terminate" || kind === "disk-full" || kind === "sync-error" || kind === "write-error";
}

function disturbancesOf(
  fault: Extract<Fault, { kind: "isolate" | "partial" | "mute" | "slow" }>,
  node: number,
  others: readonly number[],
): readonly Disturbance[] {
  const nothing = { lossPermille: 1000, delayMs: 0, jitterMs: 0 };
  const out = others.map((to): Disturbance => ({ from: node, to, ...nothing }));
  const back = others.map((from): Disturbance => ({ from, to: node, ...nothing }));
  switch (fault.kind) {
    case "isolate":
      return [...(fault.direction === "in" ? [] : out), ...(fault.direction === "out" ? [] : back)];
    case "partial": {
      const other = others.includes(fault.other) ? fault.other : (others[0] ?? node);
      return [...out, ...back].filter(({ from, to }) => from === other || to === other);
    }
    case "mute":
      return [{ from: node, to: CLIENTS, ...nothing }];
    case "slow": {
      const { lossPermille, delayMs, jitterMs } = fault;
      return [...out, ...back].map(({ from, to }) => ({ from, to, lossPermille, delayMs, jitterMs }));
    }
  }
}

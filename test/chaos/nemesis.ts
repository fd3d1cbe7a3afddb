/** Does to a cluster what a schedule says, heals it, and sees that it comes back. */

import { pause } from "../support/seeded.ts";
import { leaderOf, writableNodes } from "../support/status.ts";
import type { TestNode } from "../support/test-cluster.ts";
import type { ChaosCluster } from "./chaos-cluster.ts";
import { disturbancesOf, splitting } from "./disturbances.ts";
import { describeFault, type Fault, type FaultKind, type Step, type Victim } from "./schedule.ts";

/** How long a node may take to be ready once everything is healed, how long to end after an error of its log, and to stop when told. */
const READY_TIMEOUT_MS = 300_000;
const END_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 120_000;
/** A disk that failed is tried again every minute. */
const WRITABLE_TIMEOUT_MS = 300_000;
/** How long the others may take to go on without one node. */
const PROGRESS_TIMEOUT_MS = 180_000;

/** No node has this number. */
const NOBODY = 0;

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
    const exempt = whoNeedNotServe(active);
    const before = exempt === undefined ? 0 : writtenElsewhere(exempt);
    await pause(step.holdMs);
    if (exempt !== undefined) await this.#expectProgress(exempt, before);
    for (const { heal } of active.reverse()) await heal();
    for (const { fault, nodes } of active)
      this.faults.set(fault.kind, (this.faults.get(fault.kind) ?? 0) + Math.max(1, nodes.length));
    this.#expectAlive(active);
    await this.restart();
    const mayEnd = nodesThatMayEnd(active);
    for (const node of cluster.nodes) await this.#ready(node, mayEnd.has(node));
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
      case "rolling":
        return this.#roll(fault);
      case "split":
        return {
          fault,
          nodes: [],
          heal: await this.#options.cluster.network.disturb(splitting(fault, this.#numbers())),
        };
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

  /** Each node is ready again before the next one stops. */
  async #roll(fault: Fault): Promise<Active> {
    const { cluster } = this.#options;
    for (const node of cluster.nodes) {
      node.process?.kill("SIGTERM");
      if (!(await this.#ends(node, STOP_TIMEOUT_MS))) {
        this.violations.push(`node ${node.number} does not stop when it is told to`);
        await cluster.cluster.kill(node);
      }
      await this.restart();
      await cluster.cluster.ready(node, READY_TIMEOUT_MS);
    }
    return { fault, nodes: cluster.nodes, heal: async () => {} };
  }

  async #disturb(fault: Extract<Fault, { kind: "isolate" | "partial" | "mute" | "slow" }>): Promise<Active> {
    const { cluster } = this.#options;
    const node = await this.#nodeOf(fault.kind === "partial" ? fault.one : fault.victim);
    const others = this.#numbers().filter((number) => number !== node.number);
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

  async #expectProgress(exempt: number, before: number): Promise<void> {
    const { writtenElsewhere } = this.#options;
    const deadline = Date.now() + PROGRESS_TIMEOUT_MS;
    while (writtenElsewhere(exempt) === before) {
      if (Date.now() > deadline) {
        const where = exempt === NOBODY ? "anywhere" : `but through node ${exempt}`;
        this.violations.push(`nothing is acknowledged ${where} for ${PROGRESS_TIMEOUT_MS} ms`);
        return;
      }
      await pause(50);
    }
  }

  /** No node ends by itself but for its disk. */
  #expectAlive(active: readonly Active[]): void {
    const { cluster } = this.#options;
    const mayEnd = nodesThatMayEnd(active);
    for (const node of cluster.nodes) {
      const isDead = !cluster.isRunning(node) && node.process?.signalCode !== "SIGKILL";
      if (!isDead || mayEnd.has(node)) continue;
      this.violations.push(`node ${node.number} ended by itself:\n${cluster.cluster.logTail(node, 2000)}`);
    }
  }

  /** An error of the disk may end the node after the disk is well again: requests in flight are given time. */
  async #ready(node: TestNode, mayEnd: boolean): Promise<void> {
    const { cluster } = this.#options;
    try {
      await cluster.cluster.ready(node, READY_TIMEOUT_MS);
    } catch (error) {
      if (!mayEnd || cluster.isRunning(node)) throw error;
      await this.restart();
      await cluster.cluster.ready(node, READY_TIMEOUT_MS);
    }
  }

  #numbers(): readonly number[] {
    return this.#options.cluster.nodes.map(({ number }) => number);
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

/**
 * One node's trouble is that node's alone, and of two sides one has a majority: somebody else must go on. Undefined: nothing can be asked, for
 * there is more than one fault, or more than one victim.
 */
function whoNeedNotServe(active: readonly Active[]): number | undefined {
  const [only, ...others] = active;
  if (only === undefined || others.length > 0) return undefined;
  if (only.fault.kind === "split") return NOBODY;
  return only.nodes.length === 1 ? only.nodes[0]?.number : undefined;
}

function nodesThatMayEnd(active: readonly Active[]): ReadonlySet<TestNode> {
  return new Set(active.filter(({ fault }) => endsNodes(fault.kind)).flatMap(({ nodes }) => nodes));
}

function endsNodes(kind: FaultKind): boolean {
  return (
    kind === "terminate" ||
    kind === "rolling" ||
    kind === "disk-full" ||
    kind === "sync-error" ||
    kind === "write-error"
  );
}

import { retiredUses } from "../object/index.ts";
import type { Simulation } from "../platform/sim/index.ts";
import { checkSettled, stateStoresOf } from "./checkers/settled.ts";
import type { StateChecker } from "./checkers/state.ts";
import { type FormedClusters, formCluster, restartFormed } from "./cluster/forming.ts";
import { BUCKET } from "./cluster/node-config.ts";
import type { Operator } from "./cluster/operator.ts";
import type { SimulatedCluster } from "./cluster/simulated-cluster.ts";
import type { SimulatedNode } from "./cluster/simulated-node.ts";
import { areReady, describeCluster, haveAppliedTheSame } from "./cluster/standing.ts";
import { check } from "./failure.ts";
import type { FaultInjector } from "./faults/injector.ts";
import type { NamespaceOperations } from "./namespaces/operations.ts";
import { NamespacePhases } from "./namespaces/phases.ts";
import type { ScenarioSettings } from "./scenario/settings.ts";
import type { Trace } from "./trace.ts";
import { Waiting } from "./waiting.ts";
import { failureOf } from "./workload/answers.ts";
import { asServed } from "./workload/as-served.ts";
import type { ClientWorld } from "./workload/client.ts";
import { SimulatedClient, type Task } from "./workload/client.ts";
import type { PlannedOperation } from "./workload/plan.ts";
import { keyName } from "./workload/requests.ts";
import type { PlannedRotations } from "./workload/rotation-plan.ts";

/** After the faults: until all members are ready and have applied the same. */
const RECOVERY_LIMIT_MS = 180_000;
/** After that: until the operations of the last client have succeeded. */
const PROGRESS_LIMIT_MS = 60_000;
/** After that: until deletions are carried out and queues are empty. */
const SETTLING_LIMIT_MS = 120_000;
const RETRY_MS = 500;

export interface PhasesOptions extends ClientWorld {
  readonly settings: ScenarioSettings;
  readonly rotations: PlannedRotations;
  readonly namespaces: NamespaceOperations;
  readonly injector: FaultInjector;
  readonly states: StateChecker;
  readonly clients: readonly SimulatedClient[];
  readonly hasFailed: () => boolean;
  readonly formed: FormedClusters;
  readonly operator: Operator;
}

/**
 * The life of a simulated cluster: it forms; faults and clients act, and nothing unsafe may happen; then all that is wrong is put right, and within
 * a bounded time the cluster must serve, agree and settle.
 */
export class Phases {
  readonly #options: PhasesOptions;
  readonly #simulation: Simulation;
  readonly #cluster: SimulatedCluster;
  readonly #trace: Trace;
  readonly #waiting: Waiting;
  /** Undefined: the run has none. */
  readonly #namespaces: NamespacePhases | undefined;
  #lastOperation = 1_000_000;

  constructor(options: PhasesOptions) {
    this.#options = options;
    this.#simulation = options.simulation;
    this.#cluster = options.cluster;
    this.#trace = options.trace;
    if (options.settings.namespaces !== undefined) {
      const client = this.#clientOfPhases();
      this.#namespaces = new NamespacePhases(options.namespaces, options.cluster, (node, task) =>
        this.#insist(client, node, task),
      );
    }
    this.#waiting = new Waiting({
      simulation: options.simulation,
      hasFailed: options.hasFailed,
      describe: () => describeCluster(options.cluster),
    });
  }

  async run(): Promise<void> {
    await this.#form();
    if (this.#options.hasFailed()) return;
    await this.#act();
    if (this.#options.hasFailed()) return;
    await this.#recover();
    if (this.#options.hasFailed()) return;
    await this.#progress();
    if (this.#options.hasFailed()) return;
    await this.#settle();
    if (this.#options.hasFailed()) return;
    if (this.#namespaces !== undefined) await this.#endNamespaces(this.#namespaces);
    if (this.#options.hasFailed() || this.#options.rotations === undefined) return;
    await this.#removeOldKeys();
  }

  async #form(): Promise<void> {
    const { settings, formed } = this.#options;
    if (settings.isFormedAnew) await formCluster(this.#cluster, this.#waiting);
    else await restartFormed(this.#cluster, await formed.like(settings), this.#waiting);
    this.#trace.add(this.#simulation.nowMs, "formed");
  }

  async #act(): Promise<void> {
    const { injector, clients, settings, rotations = [], operator } = this.#options;
    injector.start();
    for (const atMs of rotations) this.#simulation.schedule(atMs, () => operator.rotateKey());
    for (const client of clients) client.start();
    await this.#simulation.runUntil(this.#options.hasFailed, settings.safetyMs);
  }

  async #recover(): Promise<void> {
    const { injector, clients } = this.#options;
    this.#trace.add(this.#simulation.nowMs, "healing");
    injector.stop();
    for (const client of clients) client.stop();
    for (const node of this.#cluster.members) this.#cluster.start(node);
    await this.#waiting.until("all is well again", RECOVERY_LIMIT_MS, () => this.#isWell());
    this.#trace.add(this.#simulation.nowMs, "recovered");
  }

  /** Every node serves writes and reads of every key; what it reads is judged with the rest of the history. */
  async #progress(): Promise<void> {
    const { settings } = this.#options;
    const client = this.#clientOfPhases();
    const members = this.#cluster.members;
    const keys = Array.from({ length: settings.keys }, (_, key) => key);
    const attempts = members.flatMap((node, at) => [
      this.#succeed(client, node, {
        kind: "put",
        key: at % settings.keys,
        sizeBytes: 3000,
        condition: "none",
      }),
      ...keys.map((key) => this.#readOn(client, node, key)),
    ]);
    await this.#complete("every node serves every key", Promise.all(attempts));
    if (this.#options.hasFailed() || this.#namespaces === undefined) return;
    await this.#complete("every outcome is found out", this.#namespaces.resolve());
    if (this.#options.hasFailed()) return;
    await this.#complete("every node serves every namespace", this.#namespaces.readAll());
  }

  async #complete(what: string, work: Promise<unknown>): Promise<void> {
    let isDone = false;
    work.then(
      () => {
        isDone = true;
      },
      (error: unknown) => this.#options.onFailure(error),
    );
    await this.#simulation.runUntil(() => isDone || this.#options.hasFailed(), PROGRESS_LIMIT_MS);
    check(isDone || this.#options.hasFailed(), `liveness: ${what}`, () => describeCluster(this.#cluster));
  }

  #clientOfPhases(): SimulatedClient {
    return new SimulatedClient(this.#options, { client: this.#options.clients.length, operations: [] });
  }

  /** Now that everything is indexed it must show what it showed before; nothing may be left of what is deleted. */
  async #endNamespaces(namespaces: NamespacePhases): Promise<void> {
    const { hasFailed, settings } = this.#options;
    await this.#complete("every segment is readable", namespaces.verifyAll());
    if (hasFailed()) return;
    await this.#complete("every node serves every segment", namespaces.readAll());
    if (hasFailed() || settings.namespaces?.isClearedAway !== true) return;
    await this.#complete("every namespace can be deleted", namespaces.deleteAll());
    if (hasFailed()) return;
    await this.#settle();
  }

  async #insist(client: SimulatedClient, node: SimulatedNode, task: Omit<Task, "id">): Promise<void> {
    while (!node.isRetired && !(await client.attempt({ ...task, id: this.#lastOperation++ }, node))) {
      await this.#wait(RETRY_MS);
    }
  }

  /** Again and again: a peer that was away may still be taken for dead for a while. Reading may show damage that ends a node for good: it need not serve. */
  async #succeed(client: SimulatedClient, node: SimulatedNode, operation: object): Promise<void> {
    while (!node.isRetired && !(await client.perform(this.#numbered(operation), node))) {
      await this.#wait(RETRY_MS);
    }
  }

  /** Found or not: an answer. What cannot be read is none. */
  async #readOn(client: SimulatedClient, node: SimulatedNode, key: number): Promise<void> {
    while (!node.isRetired) {
      if (await client.perform(this.#numbered({ kind: "get", key }), node)) return;
      if (await this.#isAbsent(node, key)) return;
      await this.#wait(RETRY_MS);
    }
  }

  /** False: it is there, or the node cannot tell, or has just ended by itself. */
  #isAbsent(node: SimulatedNode, key: number): Promise<boolean> {
    const { life } = node;
    const objects = life?.engines?.objects;
    if (objects === undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      // Who dies meanwhile does not answer.
      const forget = life!.onDeath(() => resolve(false));
      const end = (isAbsent: boolean): void => {
        forget();
        resolve(isAbsent);
      };
      asServed(objects)
        .headObject({ bucket: BUCKET, key: keyName(key) })
        .then(
          () => end(false),
          (error: unknown) => end(failureOf(error) === "absent"),
        );
    });
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#simulation.schedule(ms, resolve));
  }

  #numbered(operation: object): PlannedOperation {
    return { ...operation, id: this.#lastOperation++, waitMs: 0, node: 0 } as PlannedOperation;
  }

  async #settle(): Promise<void> {
    const limitMs = SETTLING_LIMIT_MS + this.#options.settings.deleteGraceMs;
    await this.#waiting.until("redundancy is restored and deletions are carried out", limitMs, () =>
      this.#isSettled(),
    );
    this.#trace.add(this.#simulation.nowMs, "settled");
    await this.#simulation.complete(checkSettled(this.#cluster, this.#options.states), SETTLING_LIMIT_MS);
  }

  /** With what wrapped them gone, everything must be readable as it was, on every node. */
  async #removeOldKeys(): Promise<void> {
    const { operator, hasFailed } = this.#options;
    operator.removeOldKeyVersions();
    await this.#waiting.until("old versions are removed", PROGRESS_LIMIT_MS, () => this.#isWell());
    if (hasFailed()) return;
    await this.#progress();
    if (hasFailed()) return;
    await this.#settle();
  }

  /** All members are ready, none is missing, and all have applied what is committed. */
  #isWell(): boolean {
    return !this.#options.operator.isBusy && areReady(this.#cluster) && haveAppliedTheSame(this.#cluster);
  }

  /** Nothing has too few copies, no old key is needed, nothing waits to be deleted, and no node has orders. */
  async #isSettled(): Promise<boolean> {
    if (!this.#isWell()) return false;
    const { view } = this.#cluster.members[0]!.life!.engines!.metadata;
    if (view.underReplicatedTotal().blobs > 0) return false;
    if ((await retiredUses(view)).some(({ uses }) => uses > 0)) return false;
    const pending = await view.pendingDeletes(Number.MAX_SAFE_INTEGER, 1);
    if (pending.length > 0) return false;
    for (const { nodeId } of await view.nodes()) {
      if ((await view.unlinkOrders(Number(nodeId), 1)).length > 0) return false;
    }
    if (this.#namespaces !== undefined && !(await this.#namespaces.areSettled(view))) return false;
    // What may change while the rest is looked at comes last. A snapshot that a node turned out not to need may still be on its way to it.
    const areReceiving = this.#cluster.members.some((node) => stateStoresOf(node).length > 1);
    return !areReceiving && haveAppliedTheSame(this.#cluster);
  }
}

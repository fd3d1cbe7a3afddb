import { PlainHasher } from "../platform/node/index.ts";
import { Simulation } from "../platform/sim/index.ts";
import { ConsensusChecker } from "./checkers/consensus.ts";
import { checkHistory, checkVersions } from "./checkers/history-check.ts";
import {
  HistoryRecorder,
  type ObjectInput,
  type ObjectOutput,
  type VersionedInput,
  type VersionedOutput,
} from "./checkers/linearizability/index.ts";
import { StateChecker } from "./checkers/state.ts";
import { FormedClusters } from "./cluster/forming.ts";
import { Operator } from "./cluster/operator.ts";
import { SimulatedCluster } from "./cluster/simulated-cluster.ts";
import { Coverage, type CoverageMark } from "./coverage.ts";
import { type EntropyLeak, withoutEntropy } from "./entropy.ts";
import { CheckFailure } from "./failure.ts";
import { FaultInjector } from "./faults/injector.ts";
import type { FaultKind } from "./faults/plan.ts";
import { judgeNamespaces } from "./namespaces/judge.ts";
import { NamespaceOperations } from "./namespaces/operations.ts";
import { observe } from "./observer.ts";
import { Phases } from "./phases.ts";
import { drawScenario, type Narrowing, narrowed, type Scenario } from "./scenario/scenario.ts";
import { Trace } from "./trace.ts";
import { SimulatedClient } from "./workload/client.ts";
import { Contents } from "./workload/content.ts";
import { Operations } from "./workload/operations.ts";
import { VersionedOperations } from "./workload/versioned-operations.ts";

export interface RunOptions {
  /** What is kept of the scenario that the seed gives. */
  readonly narrowing?: Narrowing;
  /** Called with each line of the trace. */
  readonly onLine?: (line: string) => void;
}

/** What came of one run. */
export interface RunReport {
  readonly seed: string;
  readonly scenario: Scenario;
  /** Undefined: everything held. */
  readonly failure: RunFailure | undefined;
  readonly virtualMs: number;
  readonly events: number;
  readonly operations: number;
  /** Whether every part of the history was decided by the search, and not by the oracle alone. */
  readonly isHistoryDecided: boolean;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly coverage: ReadonlyMap<CoverageMark, number>;
  /** Over the whole trace. */
  readonly traceHash: string;
}

export interface RunFailure {
  readonly checker: string;
  readonly message: string;
  readonly virtualMs: number;
  readonly tail: readonly string[];
}

/** Runs the scenario of a seed. Never rejects: whatever goes wrong, in the cluster or in the simulator, is the report's failure. */
export function runSeed(seed: string | number, options: RunOptions = {}): Promise<RunReport> {
  const scenario = narrowed(drawScenario(seed), options.narrowing ?? {});
  return runScenario(scenario, options);
}

export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<RunReport> {
  const run = new Run(scenario, options);
  const onRejection = (error: unknown): void =>
    run.fail(new CheckFailure("no promise is left alone", String(error), { cause: error }));
  process.on("unhandledRejection", onRejection);
  try {
    await withoutEntropy(
      () => run.go(),
      (leak: EntropyLeak) => run.fail(leak),
    );
  } catch (error) {
    run.fail(error);
  } finally {
    // What a run that failed leaves behind is told now, and not when nobody listens any more.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", onRejection);
  }
  return run.report();
}

/** They cost as much as a third of a run: one set serves all runs of this process. */
const FORMED = new FormedClusters();

class Run {
  readonly #scenario: Scenario;
  readonly #simulation: Simulation;
  readonly #trace: Trace;
  readonly #coverage = new Coverage();
  readonly #states = new StateChecker(this.#coverage);
  readonly #history = new HistoryRecorder<ObjectInput, ObjectOutput>();
  readonly #versions = new HistoryRecorder<VersionedInput, VersionedOutput>();
  readonly #namespaces = new NamespaceOperations(this.#coverage);
  readonly #operations: Operations;
  readonly #cluster: SimulatedCluster;
  readonly #consensus: ConsensusChecker;
  readonly #operator: Operator;
  readonly #injector: FaultInjector;
  readonly #phases: Phases;
  readonly #clients: readonly SimulatedClient[];
  #failure: { readonly error: unknown; readonly virtualMs: number } | undefined;
  #isHistoryDecided = false;

  constructor(scenario: Scenario, options: RunOptions) {
    const { seed, settings } = scenario;
    this.#scenario = scenario;
    this.#simulation = new Simulation(seed);
    this.#trace = new Trace(options.onLine);
    const hasher = new PlainHasher();
    const contents = new Contents(seed, hasher);
    const versioned = new VersionedOperations(contents, this.#versions, this.#coverage);
    this.#operations = new Operations({
      contents,
      history: this.#history,
      versioned,
      namespaces: this.#namespaces,
      coverage: this.#coverage,
      rotations: scenario.rotations,
    });
    this.#cluster = new SimulatedCluster(
      this.#simulation,
      settings,
      observe({
        now: () => this.#simulation.nowMs,
        trace: this.#trace,
        coverage: this.#coverage,
        consensus: () => this.#consensus,
        states: this.#states,
        fail: (error) => this.fail(error),
        lost: (node) => this.#operator.replaceLost(node),
      }),
    );
    this.#consensus = new ConsensusChecker(this.#cluster, (bytes) => hasher.crc32c(bytes));
    this.#operator = new Operator({
      cluster: this.#cluster,
      trace: this.#trace,
      coverage: this.#coverage,
      onFailure: (error) => this.fail(error),
    });
    this.#injector = new FaultInjector({
      cluster: this.#cluster,
      faults: scenario.faults,
      prng: this.#simulation.prng.fork("faults"),
      trace: this.#trace,
      operator: this.#operator,
    });
    const world = {
      simulation: this.#simulation,
      cluster: this.#cluster,
      operations: this.#operations,
      trace: this.#trace,
      coverage: this.#coverage,
      onFailure: (error: unknown) => this.fail(error),
    };
    this.#clients = scenario.clients.map((plan) => new SimulatedClient(world, plan));
    this.#phases = new Phases({
      ...world,
      settings,
      rotations: scenario.rotations,
      namespaces: this.#namespaces,
      injector: this.#injector,
      states: this.#states,
      clients: this.#clients,
      formed: FORMED,
      operator: this.#operator,
      hasFailed: () => this.#failure !== undefined,
    });
  }

  /** The first failure counts. */
  fail(error: unknown): void {
    this.#failure ??= { error, virtualMs: this.#simulation.nowMs };
  }

  async go(): Promise<void> {
    this.#simulation.afterEvent = () => this.#consensus.afterEvent();
    await this.#phases.run();
    if (this.#failure !== undefined) return;
    const { isComplete } = checkHistory(this.#history.operations(), this.#operations.unclear);
    const areNamespacesDecided = judgeNamespaces(this.#namespaces.histories);
    this.#isHistoryDecided = checkVersions(this.#versions.operations()) && areNamespacesDecided && isComplete;
    if (this.#consensus.leaderChanges > 1) this.#coverage.mark("leader changed");
  }

  report(): RunReport {
    return {
      seed: this.#scenario.seed,
      scenario: this.#scenario,
      failure: this.#failureReport(),
      virtualMs: this.#simulation.nowMs,
      events: this.#simulation.events,
      operations: this.#clients.reduce((sum, { done }) => sum + done, 0),
      isHistoryDecided: this.#isHistoryDecided,
      faults: this.#injector.counts,
      coverage: this.#coverage.counts(),
      traceHash: this.#trace.hash,
    };
  }

  #failureReport(): RunFailure | undefined {
    if (this.#failure === undefined) return undefined;
    const { error, virtualMs } = this.#failure;
    const message = error instanceof Error ? error.message : String(error);
    return {
      checker: error instanceof CheckFailure ? error.checker : error instanceof Error ? error.name : "error",
      message:
        error instanceof CheckFailure ? message : `${message}\n${error instanceof Error ? error.stack : ""}`,
      virtualMs,
      tail: this.#trace.tail(),
    };
  }
}

import { Simulation } from "../../platform/sim/index.ts";
import { CALM, type ScenarioSettings } from "../scenario/settings.ts";
import { Waiting } from "../waiting.ts";
import { type ClusterObserver, type FormedCluster, SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import { allVote, areReady, describeCluster } from "./standing.ts";

/** How long the cluster may take to form, in milliseconds of virtual time. */
const FORMING_LIMIT_MS = 120_000;

/** A founder, then the others join one after the other: until all are ready and vote. */
export async function formCluster(cluster: SimulatedCluster, waiting: Waiting): Promise<void> {
  const { simulation, settings } = cluster;
  await simulation.complete(cluster.found());
  await waiting.until("the founder is ready", FORMING_LIMIT_MS, () => areReady(cluster));
  while (cluster.nodes.length < settings.nodes) {
    const [founder] = cluster.nodes;
    await simulation.complete(cluster.join(founder!), FORMING_LIMIT_MS);
  }
  await untilFormed(cluster, waiting);
}

/** All nodes start on the disks of a cluster that has formed before, as after kill -9. */
export async function restartFormed(
  cluster: SimulatedCluster,
  formed: FormedCluster,
  waiting: Waiting,
): Promise<void> {
  cluster.restore(formed);
  await untilFormed(cluster, waiting);
}

function untilFormed(cluster: SimulatedCluster, waiting: Waiting): Promise<void> {
  return waiting.until(
    "the cluster has formed",
    FORMING_LIMIT_MS,
    () => areReady(cluster) && allVote(cluster),
  );
}

const NO_OBSERVER: Omit<ClusterObserver, "failed"> = {
  started: () => undefined,
  raftEvent: () => undefined,
  logged: () => undefined,
  applying: () => undefined,
  stateWritten: () => undefined,
};

/**
 * Clusters that formed on good machines and networks. What founding writes into the metadata comes from the settings, so there is one for each combination of
 * those; their own seeds are fixed, so that a run is the same whether its cluster was formed for it or for a run before.
 */
export class FormedClusters {
  readonly #known = new Map<string, Promise<FormedCluster>>();

  /** The cluster for runs with these settings. */
  like({ nodes, replicationFactor, deleteGraceMs }: ScenarioSettings): Promise<FormedCluster> {
    const name = `${nodes} nodes, ${replicationFactor} copies, ${deleteGraceMs} ms`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const forming = formAnew(name, { ...CALM, nodes, replicationFactor, deleteGraceMs });
    this.#known.set(name, forming);
    return forming;
  }
}

async function formAnew(name: string, settings: ScenarioSettings): Promise<FormedCluster> {
  const simulation = new Simulation(`formed: ${name}`);
  const failures: unknown[] = [];
  const failed = (_node: SimulatedNode, error: unknown): void => void failures.push(error);
  const cluster = new SimulatedCluster(simulation, settings, { ...NO_OBSERVER, failed });
  const waiting = new Waiting({
    simulation,
    hasFailed: () => failures.length > 0,
    describe: () => describeCluster(cluster),
  });
  try {
    await formCluster(cluster, waiting);
  } catch (error) {
    failures.push(error);
  }
  if (failures.length > 0) throw failures[0];
  return cluster.stopAndCapture();
}

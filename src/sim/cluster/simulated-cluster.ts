import type { Prng } from "../../base/index.ts";
import { NodeDirectory } from "../../cluster/index.ts";
import type { Logger } from "../../observe/index.ts";
import type { Platform, StoreChange } from "../../platform/index.ts";
import { SimNetworkWorld, type Simulation, type VolumeImage } from "../../platform/sim/index.ts";
import { type RaftEvent, type RaftStart, type StartedInlineRaft, startRaftInline } from "../../raft/index.ts";
import { identify, openEngines } from "../../server/index.ts";
import type { ScenarioSettings } from "../scenario/settings.ts";
import { foundingIdentity, identityOf, NO_ISSUER, newIncarnation, registerNode } from "./identity.ts";
import { Life } from "./life.ts";
import { DATA_DIRECTORY, engineTuning, nodeConfig } from "./node-config.ts";
import { silentMetrics } from "./silent-metrics.ts";
import { SimulatedNode } from "./simulated-node.ts";
import { watchedStores } from "./watched-stores.ts";

/** What the cluster tells of itself to checkers, trace and coverage. */
export interface ClusterObserver {
  started(node: SimulatedNode, life: Life): void;
  /** The process ended by itself: it could not start, or stopped with an error. */
  failed(node: SimulatedNode, error: unknown, when: "start" | "run"): void;
  raftEvent(node: SimulatedNode, event: RaftEvent): void;
  logged(node: SimulatedNode, level: "warn" | "error", message: string, fields: unknown): void;
  /** Raft hands committed entries to the state machine. */
  applying(node: SimulatedNode, entries: Parameters<RaftStart["stateMachine"]["apply"]>[0]): void;
  /** A batch of the state machine has been written. */
  stateWritten(node: SimulatedNode, changes: readonly StoreChange[]): void;
}

/** kill -9; power loss; power loss of a machine whose disk writes to the wrong places meanwhile. */
export type Ending = "kill" | "crash" | "misdirect";

/** A supervisor starts a program that has ended again after this time. */
const RESTART_MS = 1000;
/** How long a node may take to stop when it is asked to. */
const STOP_LIMIT_MS = 10_000;

const METRICS = silentMetrics();

/** A cluster all of whose processes have been killed: what its disks have. */
export interface FormedCluster {
  readonly clusterId: string;
  readonly keyEncryptionKey: Uint8Array;
  /** How far its clocks had gone, in milliseconds. */
  readonly atMs: number;
  readonly nodes: readonly { readonly nodeId: number; readonly image: VolumeImage }[];
}

/** N nodes on virtual machines, with the assembly that production has. */
export class SimulatedCluster {
  readonly simulation: Simulation;
  readonly world: SimNetworkWorld;
  readonly settings: ScenarioSettings;
  readonly nodes: SimulatedNode[] = [];
  /** Wall time minus virtual time of machines that join from now on, in milliseconds. Undefined: as machines begin. */
  clockLeadMs: number | undefined;
  readonly #observer: ClusterObserver;
  readonly #prng: Prng;
  #clusterId = "";
  #keyEncryptionKey = new Uint8Array(0);

  constructor(simulation: Simulation, settings: ScenarioSettings, observer: ClusterObserver) {
    this.simulation = simulation;
    this.settings = settings;
    this.#observer = observer;
    this.#prng = simulation.prng.fork("cluster");
    const { leastDelayMs, greatestDelayMs } = settings;
    this.world = new SimNetworkWorld(simulation, { link: { leastDelayMs, greatestDelayMs } });
  }

  /** Those that have not been replaced. */
  get members(): SimulatedNode[] {
    return this.nodes.filter((node) => !node.isRetired);
  }

  get serving(): SimulatedNode[] {
    return this.nodes.filter((node) => node.isServing);
  }

  /** Founds the cluster on a first machine and starts it. */
  async found(): Promise<void> {
    const node = this.#addMachine();
    const stored = foundingIdentity(node.name, this.#prng.fork("founding"));
    this.#clusterId = stored.identity.clusterId;
    this.#keyEncryptionKey = stored.identity.keyEncryptionKey.slice();
    node.nodeId = stored.identity.nodeId;
    const { platform, process } = node.machine.boot();
    await directoryOf(platform).create(stored);
    process.kill();
    node.machine.kill();
    this.start(node);
  }

  /** Kills all processes, and hands over the disks. */
  stopAndCapture(): FormedCluster {
    for (const node of this.nodes) {
      node.isWanted = false;
      this.end(node, "kill");
    }
    return {
      clusterId: this.#clusterId,
      keyEncryptionKey: this.#keyEncryptionKey,
      atMs: this.simulation.nowMs,
      nodes: this.nodes.map(({ nodeId, machine }) => ({ nodeId, image: machine.volume.capture() })),
    };
  }

  /** Puts copies of the disks into new machines and starts those. */
  restore({ clusterId, keyEncryptionKey, atMs, nodes }: FormedCluster): void {
    this.#clusterId = clusterId;
    this.#keyEncryptionKey = keyEncryptionKey.slice();
    for (const { nodeId, image } of nodes) {
      const node = this.#addMachine();
      node.nodeId = nodeId;
      node.machine.volume.restore(image);
      node.machine.clock.jumpWall(atMs);
      this.start(node);
    }
  }

  /** A new machine joins through a node that serves. Rejects when the cluster did not take it. */
  async join(through: SimulatedNode): Promise<SimulatedNode> {
    const node = this.#addMachine();
    const { clock } = node.machine;
    if (this.clockLeadMs !== undefined) {
      clock.jumpWall(this.clockLeadMs - (clock.wallMs() - this.simulation.nowMs));
    }
    // Until it has joined it is no member: whoever lets it in may die meanwhile.
    node.isWanted = false;
    node.isRetired = true;
    const prng = this.#prng.fork(`join ${node.name}`);
    const incarnation = newIncarnation(prng);
    const { metadata } = through.life!.engines!;
    const { name } = node;
    const nodeId = await registerNode(metadata, { name, incarnation, tokenHash: prng.bytes(32) });
    const peers = (await metadata.view.nodes()).map((row) => ({
      nodeId: Number(row.nodeId),
      incarnation: row.incarnation,
      peerAddress: row.peerAddress,
    }));
    const { platform } = node.machine.boot();
    const directory = directoryOf(platform);
    const identity = { clusterId: this.#clusterId, keyEncryptionKey: this.#keyEncryptionKey };
    await directory.create(identityOf({ ...identity, nodeId, name, incarnation }));
    await directory.savePeers(peers.filter((peer) => peer.nodeId !== nodeId));
    node.machine.kill();
    node.nodeId = nodeId;
    node.isWanted = true;
    node.isRetired = false;
    this.start(node);
    return node;
  }

  /** Boots the machine's program; what comes of it, the observer is told. */
  start(node: SimulatedNode): void {
    if (node.life !== undefined || !node.isWanted) return;
    const boot = node.machine.boot();
    const life = new Life(boot, node.nextLifeNumber());
    node.life = life;
    this.#open(node, life, boot.platform).then(
      () => this.#observer.started(node, life),
      (error: unknown) => this.#ended(node, life, error, "start"),
    );
  }

  /** Ends the machine's process at once, if there is one. */
  end(node: SimulatedNode, how: Ending): void {
    const { life } = node;
    node.life = undefined;
    if (how === "kill") node.machine.kill();
    else node.machine.crash(how === "crash" ? "random" : how);
    // The kernel of a machine that lives on resets the connections of a dead process; one without power says nothing.
    if (how === "kill") this.world.resetConnections(node.name);
    life?.died();
  }

  /** Ends the process, if any, and starts another one after a time. */
  restart(node: SimulatedNode, how: Ending, downMs: number): void {
    this.end(node, how);
    this.startLater(node, downMs);
  }

  /** SIGTERM: lets it close what it has, and starts it again. */
  restartCleanly(node: SimulatedNode, downMs: number): void {
    const { life } = node;
    if (life?.engines === undefined || life.isStopping) return;
    life.isStopping = true;
    let isOver = false;
    const over = (): void => {
      if (isOver || node.life !== life) return;
      isOver = true;
      this.restart(node, "kill", downMs);
    };
    const { engines, stopWork } = life;
    const stop = async (): Promise<void> => {
      engines.stopping();
      await stopWork?.();
      await engines.close();
    };
    stop().then(over, over);
    this.simulation.schedule(STOP_LIMIT_MS, over);
  }

  startLater(node: SimulatedNode, delayMs: number): void {
    this.simulation.schedule(delayMs, () => this.start(node));
  }

  #addMachine(): SimulatedNode {
    const node = new SimulatedNode(this.simulation, `node-${this.nodes.length + 1}`);
    const { greatestDiskMs, clockDrift, resetProbability } = this.settings;
    node.machine.volume.faults.greatestLatencyMs = greatestDiskMs;
    const drift = this.#prng.fork(`drift ${node.name}`);
    node.machine.clock.setRate(1 + clockDrift * (2 * drift.unit() - 1));
    for (const other of this.nodes) {
      this.world.setLink(node.name, other.name, { resetProbability });
      this.world.setLink(other.name, node.name, { resetProbability });
    }
    this.nodes.push(node);
    return node;
  }

  async #open(node: SimulatedNode, life: Life, platform: Platform): Promise<void> {
    const config = nodeConfig(node.name, this.settings);
    const stores = watchedStores(platform.stores, (directory, changes) => {
      if (directory.startsWith(`${DATA_DIRECTORY}/state/`)) this.#observer.stateWritten(node, changes);
    });
    const watched: Platform = { ...platform, stores };
    const identified = await identify(watched, config, { dataDirectory: DATA_DIRECTORY, join: undefined });
    const { clusterId, nodeId } = identified.stored.identity;
    const identity = { clusterId, nodeId };
    const network = this.world.join({ host: node.name, process: life.process, identity });
    const engines = await openEngines({
      config,
      dataDirectory: DATA_DIRECTORY,
      platform: watched,
      network,
      identified,
      startRaft: async (start) => {
        life.raft = await this.#startRaft(node, start, { ...watched, network });
        return life.raft;
      },
      certificates: () => ({ issuer: NO_ISSUER, workers: [] }),
      tuning: engineTuning(this.settings),
      logger: this.#loggerOf(node, life),
      metrics: METRICS,
      onFatal: (error) => this.#ended(node, life, error, "run"),
    });
    life.stopWork = engines.work(config);
    life.engines = engines;
  }

  #startRaft(
    node: SimulatedNode,
    start: RaftStart,
    platform: Parameters<typeof startRaftInline>[0]["platform"],
  ): Promise<StartedInlineRaft> {
    const { stateMachine, onEvent } = start;
    return startRaftInline({
      ...start,
      platform,
      stateMachine: {
        apply: (entries) => {
          this.#observer.applying(node, entries);
          return stateMachine.apply(entries);
        },
        configurationChanged: (index, confState) => stateMachine.configurationChanged(index, confState),
        restored: () => stateMachine.restored(),
        checkpoint: () => stateMachine.checkpoint(),
        sendSnapshot: (to, metadata, term) => stateMachine.sendSnapshot(to, metadata, term),
        installSnapshot: (metadata) => stateMachine.installSnapshot(metadata),
      },
      onEvent: (event) => {
        this.#observer.raftEvent(node, event);
        onEvent?.(event);
      },
    });
  }

  /** The process ends by itself; a supervisor starts it again. */
  #ended(node: SimulatedNode, life: Life, error: unknown, when: "start" | "run"): void {
    if (node.life !== life || life.isStopping) return;
    this.#observer.failed(node, error, when);
    // Not from inside its own call.
    life.process.schedule(0, () => {
      if (node.life === life) this.restart(node, "kill", RESTART_MS);
    });
  }

  #loggerOf(node: SimulatedNode, life: Life): Logger {
    const tell = (level: "warn" | "error") => (message: string, fields?: unknown) => {
      if (life.process.isAlive) this.#observer.logged(node, level, message, fields);
    };
    const quiet = (): void => undefined;
    const logger: Logger = {
      debug: quiet,
      info: quiet,
      warn: tell("warn"),
      error: tell("error"),
      child: () => logger,
    };
    return logger;
  }
}

function directoryOf(platform: Platform): NodeDirectory {
  return new NodeDirectory({ ...platform, dataDirectory: DATA_DIRECTORY });
}

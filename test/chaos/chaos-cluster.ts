/** A cluster whose nodes live in network namespaces, on small disks, with the fault library preloaded. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestCluster, type TestNode } from "../support/test-cluster.ts";
import { ChaosNetwork } from "./chaos-network.ts";
import { FaultControl } from "./fault-control.ts";
import { compileNative } from "./native.ts";
import { NodeDisk } from "./node-disk.ts";

const MIB = 1024 * 1024;
/** More than the clients write: what is deleted goes only with the segments that it lies in. On a slow machine a run takes three times as long as it has faults. */
const DISK_BYTES = 512 * MIB;
const DISK_BYTES_PER_SECOND = 12 * MIB;

/** Small files, so that they are cut, sealed and deleted within a run. */
const ENVIRONMENT = {
  SKERRY_LISTENERS_ALLOW_PLAINTEXT: "true",
  SKERRY_RAFT_WAL_SEGMENT_SIZE: "4MiB",
  SKERRY_STORAGE_SEGMENT_SIZE: "16MiB",
  SKERRY_STORAGE_RESERVE: "128MiB",
  SKERRY_CLUSTER_DELETE_GRACE: "20s",
  SKERRY_SEARCH_FLUSH_AFTER: "500ms",
};

export class ChaosCluster {
  readonly directory: string;
  readonly network: ChaosNetwork;
  readonly cluster: TestCluster;
  readonly #disks: readonly NodeDisk[];
  readonly #controls: readonly FaultControl[];

  private constructor(parts: {
    directory: string;
    network: ChaosNetwork;
    cluster: TestCluster;
    disks: readonly NodeDisk[];
    controls: readonly FaultControl[];
  }) {
    this.directory = parts.directory;
    this.network = parts.network;
    this.cluster = parts.cluster;
    this.#disks = parts.disks;
    this.#controls = parts.controls;
  }

  /** Resolves when all nodes are ready. What was made is removed again when it rejects. */
  static async start(options: {
    readonly nodes: number;
    readonly seed: number;
    readonly durationMs: number;
  }): Promise<ChaosCluster> {
    const diskBytes = Math.floor(DISK_BYTES + (DISK_BYTES_PER_SECOND * options.durationMs) / 1000);
    const directory = mkdtempSync(join(tmpdir(), "skerry-chaos-"));
    const undo: (() => void | Promise<void>)[] = [() => rmSync(directory, { recursive: true, force: true })];
    try {
      const numbers = Array.from({ length: options.nodes }, (_, index) => index + 1);
      const programs = compileNative(directory);
      const controls = numbers.map((number) => new FaultControl(join(directory, `control-${number}`)));
      const network = await ChaosNetwork.open({ ...options, wire: programs.wire });
      undo.push(() => network.close());
      const disks = numbers.map((number) => {
        const disk = new NodeDisk(join(directory, `node-${number}`), diskBytes);
        undo.push(() => disk.unmount());
        return disk;
      });
      const cluster = await TestCluster.start({
        nodes: options.nodes,
        directory,
        environment: ENVIRONMENT,
        onMade: (made) => undo.push(() => made.killAll()),
        place: (number) => ({
          host: network.hostOf(number),
          command: network.commandOf(number),
          environment: {
            LD_PRELOAD: programs.faults,
            CHAOS_CONTROL: join(directory, `control-${number}`),
          },
        }),
      });
      return new ChaosCluster({ directory, network, cluster, disks, controls });
    } catch (error) {
      for (const step of undo.reverse()) await step();
      throw error;
    }
  }

  get nodes(): readonly TestNode[] {
    return this.cluster.nodes;
  }

  diskOf(node: TestNode): NodeDisk {
    return itemOf(this.#disks, node);
  }

  controlOf(node: TestNode): FaultControl {
    return itemOf(this.#controls, node);
  }

  isRunning(node: TestNode): boolean {
    return node.process !== undefined && node.process.exitCode === null && node.process.signalCode === null;
  }

  /** Ends all processes, removes namespaces, mounts and files. With `keepLogs` the directory stays, without the disks. */
  async close(options: { readonly keepLogs: boolean }): Promise<void> {
    await this.cluster.killAll();
    await this.network.close();
    for (const disk of this.#disks) disk.unmount();
    for (const control of this.#controls) control.close();
    if (!options.keepLogs && existsSync(this.directory))
      rmSync(this.directory, { recursive: true, force: true });
  }
}

function itemOf<T>(items: readonly T[], node: TestNode): T {
  const item = items[node.number - 1];
  if (item === undefined) throw new Error(`there is no node ${node.number}`);
  return item;
}

/** A cluster of real processes, on free loopback ports or where a test says, for tests that kill them. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3Client } from "@aws-sdk/client-s3";
import { freePorts } from "../../src/platform/node/index.ts";
import { type Ended, PROGRAM, skerry } from "./program.ts";

export interface TestNode {
  readonly number: number;
  readonly host: string;
  readonly directory: string;
  readonly s3Port: number;
  readonly apiPort: number;
  readonly peerPort: number;
  readonly metricsPort: number;
  readonly log: string;
  process: ChildProcess | undefined;
}

/** Where a node runs when it is not on loopback. */
export interface NodePlace {
  readonly host: string;
  /** What is put before the command that starts the node. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface TestClusterOptions {
  readonly nodes: number;
  /** Settings for every node, as environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** An existing directory for data and logs; it is removed with the cluster. Without it: a temporary one. */
  readonly directory?: string;
  /** The place of the node with this number, from 1. Ports are free there: each place has a network of its own. */
  readonly place?: (number: number) => NodePlace;
  /** Before anything is started, so that a start that fails can be cleaned up. */
  readonly onMade?: (cluster: TestCluster) => void;
}

export class TestCluster {
  readonly directory: string;
  readonly nodes: TestNode[] = [];
  readonly accessKey = "SKTESTACCESSKEY";
  readonly secretKey = "a-secret-for-tests-only";
  readonly #options: TestClusterOptions;
  apiKey = "";

  private constructor(options: TestClusterOptions) {
    this.#options = options;
    this.directory = options.directory ?? mkdtempSync(join(tmpdir(), "skerry-cluster-"));
  }

  /** Founds the cluster, lets every node join, and waits until all are ready. */
  static async start(options: TestClusterOptions): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    options.onMade?.(cluster);
    for (let index = 0; index < options.nodes; index++) await cluster.#describeNode();
    const [first, ...others] = cluster.nodes;
    if (first === undefined) throw new Error("a cluster has a node");
    const founded = execFileSync(process.execPath, [PROGRAM, "cluster", "init"], {
      env: cluster.#env(first),
    });
    cluster.apiKey = /API key +(\S+)/.exec(founded.toString())?.[1] ?? "";
    cluster.launch(first);
    await cluster.ready(first);
    for (const node of others) await cluster.#join(node, first);
    return cluster;
  }

  /** One more node, which joins through `through` and is ready when this resolves. */
  async grow(through: TestNode): Promise<TestNode> {
    const node = await this.#describeNode();
    await this.#join(node, through);
    return node;
  }

  /** Runs the command line against a node's API, to its end. */
  skerry(args: readonly string[], through: TestNode, timeoutMs?: number): Promise<Ended> {
    const env = {
      ...this.#env(through),
      SKERRY_ENDPOINT: this.endpointOf(through),
      SKERRY_API_KEY: this.apiKey,
    };
    return skerry(args, { env, ...(timeoutMs !== undefined && { timeoutMs }) });
  }

  endpointOf(node: TestNode): string {
    return `http://${node.host}:${node.apiPort}`;
  }

  async #describeNode(): Promise<TestNode> {
    const [singles, [peerPort = 0]] = await Promise.all([freePorts(3), freePorts(1, 2)]);
    const [s3Port = 0, apiPort = 0, metricsPort = 0] = singles;
    const number = this.nodes.length + 1;
    const node: TestNode = {
      number,
      host: this.#options.place?.(number).host ?? "127.0.0.1",
      directory: join(this.directory, `node-${number}`),
      s3Port,
      apiPort,
      peerPort,
      metricsPort,
      log: join(this.directory, `node-${number}.log`),
      process: undefined,
    };
    this.nodes.push(node);
    return node;
  }

  async #join(node: TestNode, through: TestNode): Promise<void> {
    const { stdout } = await this.skerry(["cluster", "join-token", "--output", "json"], through);
    const { token } = JSON.parse(stdout.toString()) as { token: string };
    this.launch(node, { token, through });
    await this.ready(node);
  }

  launch(node: TestNode, join?: { readonly token: string; readonly through: TestNode }): void {
    const flags =
      join === undefined ? [] : ["--join-address", `${join.through.host}:${join.through.peerPort}`];
    const command = [...this.#placeCommand(node), process.execPath, PROGRAM, "server", ...flags];
    const child = spawn(command[0] ?? process.execPath, command.slice(1), {
      env: { ...this.#env(node), ...(join && { SKERRY_JOIN_TOKEN: join.token }) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (data: Buffer) => appendFileSync(node.log, data));
    node.process = child;
  }

  /** Waits for /readyz. Throws with the end of the node's log when it ended or took too long. */
  async ready(node: TestNode, timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const ok = await fetch(`http://${node.host}:${node.apiPort}/readyz`).then(
        (response) => response.ok,
        () => false,
      );
      if (ok) return;
      const ended = node.process?.exitCode !== null || node.process.signalCode !== null;
      if (ended || Date.now() > deadline) {
        throw new Error(
          `node ${node.number} is not ready${ended ? ": it ended" : ""}\n${this.logTail(node)}`,
        );
      }
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(node: TestNode, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = node.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }

  s3(node: TestNode, options: { readonly maxAttempts?: number } = {}): S3Client {
    return new S3Client({
      endpoint: `http://${node.host}:${node.s3Port}`,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: this.accessKey, secretAccessKey: this.secretKey },
      maxAttempts: options.maxAttempts ?? 3,
    });
  }

  /** The settings of a node, to run a command with. */
  environmentOf(node: TestNode): Readonly<Record<string, string | undefined>> {
    return this.#env(node);
  }

  node(number: number): TestNode {
    const node = this.nodes[number - 1];
    if (node === undefined) throw new Error(`there is no node ${number}`);
    return node;
  }

  logTail(node: TestNode, characters = 4000): string {
    try {
      return readFileSync(node.log, "utf8").slice(-characters);
    } catch {
      return "(no log)";
    }
  }

  async killAll(): Promise<void> {
    await Promise.all(this.nodes.map((node) => this.kill(node)));
  }

  async stop(): Promise<void> {
    await this.killAll();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #env(node: TestNode): NodeJS.ProcessEnv {
    return {
      PATH: process.env["PATH"],
      SKERRY_NODE_NAME: `node-${node.number}`,
      SKERRY_NODE_ADVERTISE_HOST: node.host,
      SKERRY_NODE_ZONE: `zone-${node.number}`,
      SKERRY_NODE_DATA_DIR: node.directory,
      SKERRY_S3_LISTEN: `${node.host}:${node.s3Port}`,
      SKERRY_API_LISTEN: `${node.host}:${node.apiPort}`,
      SKERRY_PEER_LISTEN: `${node.host}:${node.peerPort}`,
      SKERRY_METRICS_LISTEN: `${node.host}:${node.metricsPort}`,
      SKERRY_ROOT_ACCESS_KEY: this.accessKey,
      SKERRY_ROOT_SECRET_KEY: this.secretKey,
      SKERRY_LOG_LEVEL: "info",
      ...this.#options.environment,
      ...this.#options.place?.(node.number).environment,
    };
  }

  #placeCommand(node: TestNode): readonly string[] {
    return this.#options.place?.(node.number).command ?? [];
  }
}

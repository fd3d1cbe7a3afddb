/** A cluster of real processes on free loopback ports, for tests that kill them. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3Client } from "@aws-sdk/client-s3";
import { freePorts } from "./ports.ts";
import { PROGRAM } from "./program.ts";

export interface TestNode {
  readonly number: number;
  readonly directory: string;
  readonly s3Port: number;
  readonly apiPort: number;
  readonly peerPort: number;
  readonly metricsPort: number;
  readonly log: string;
  process: ChildProcess | undefined;
}

export interface TestClusterOptions {
  readonly nodes: number;
  /** Settings for every node, as environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
}

export class TestCluster {
  readonly directory = mkdtempSync(join(tmpdir(), "skerry-cluster-"));
  readonly nodes: TestNode[] = [];
  readonly accessKey = "SKTESTACCESSKEY";
  readonly secretKey = "a-secret-for-tests-only";
  readonly #environment: Readonly<Record<string, string>>;
  apiKey = "";

  private constructor(options: TestClusterOptions) {
    this.#environment = options.environment ?? {};
  }

  /** Founds the cluster, lets every node join, and waits until all are ready. */
  static async start(options: TestClusterOptions): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    const [s3, api, metrics, peers] = await Promise.all([
      freePorts(options.nodes),
      freePorts(options.nodes),
      freePorts(options.nodes),
      freePorts(options.nodes, 2),
    ]);
    for (let index = 0; index < options.nodes; index++) {
      cluster.nodes.push({
        number: index + 1,
        directory: join(cluster.directory, `node-${index + 1}`),
        s3Port: s3[index] ?? 0,
        apiPort: api[index] ?? 0,
        peerPort: peers[index] ?? 0,
        metricsPort: metrics[index] ?? 0,
        log: join(cluster.directory, `node-${index + 1}.log`),
        process: undefined,
      });
    }
    const [first, ...others] = cluster.nodes;
    if (first === undefined) throw new Error("a cluster has a node");
    const founded = execFileSync(process.execPath, [PROGRAM, "cluster", "init"], {
      env: cluster.#env(first),
    });
    cluster.apiKey = /API key +(\S+)/.exec(founded.toString())?.[1] ?? "";
    cluster.launch(first);
    await cluster.ready(first);
    for (const node of others) {
      const token = execFileSync(process.execPath, [PROGRAM, "cluster", "join-token", "--output", "json"], {
        env: {
          ...cluster.#env(first),
          SKERRY_ENDPOINT: `http://127.0.0.1:${first.apiPort}`,
          SKERRY_API_KEY: cluster.apiKey,
        },
      });
      cluster.launch(node, {
        token: (JSON.parse(token.toString()) as { token: string }).token,
        through: first,
      });
      await cluster.ready(node);
    }
    return cluster;
  }

  launch(node: TestNode, join?: { readonly token: string; readonly through: TestNode }): void {
    const flags = join === undefined ? [] : ["--join-address", `127.0.0.1:${join.through.peerPort}`];
    const child = spawn(process.execPath, [PROGRAM, "server", ...flags], {
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
      const ok = await fetch(`http://127.0.0.1:${node.apiPort}/readyz`).then(
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
      endpoint: `http://127.0.0.1:${node.s3Port}`,
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

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => this.kill(node)));
    rmSync(this.directory, { recursive: true, force: true });
  }

  #env(node: TestNode): NodeJS.ProcessEnv {
    return {
      PATH: process.env["PATH"],
      SKERRY_NODE_NAME: `node-${node.number}`,
      SKERRY_NODE_ZONE: `zone-${node.number}`,
      SKERRY_NODE_DATA_DIR: node.directory,
      SKERRY_S3_LISTEN: `127.0.0.1:${node.s3Port}`,
      SKERRY_API_LISTEN: `127.0.0.1:${node.apiPort}`,
      SKERRY_PEER_LISTEN: `127.0.0.1:${node.peerPort}`,
      SKERRY_METRICS_LISTEN: `127.0.0.1:${node.metricsPort}`,
      SKERRY_ROOT_ACCESS_KEY: this.accessKey,
      SKERRY_ROOT_SECRET_KEY: this.secretKey,
      SKERRY_LOG_LEVEL: "info",
      ...this.#environment,
    };
  }
}

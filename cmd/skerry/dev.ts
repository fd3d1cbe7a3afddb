import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import type { Command } from "commander";
import { ClusterService } from "../../src/gen/skerry/admin/v1/admin_pb.js";
import { ConfigError, foundNode, loadConfig, type RootKeys } from "../../src/server/index.ts";
import { CommandError } from "./exit.ts";
import { remoteWithKey } from "./remote.ts";
import { wholeNumber } from "./whole-number.ts";

/** Ports that a node takes from the peer base: its peer listener and its Raft listener. */
const PEER_PORTS_PER_NODE = 2;
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 50;
/** Of one look: whoever has the port may be no node, and say nothing. */
const READY_LOOK_TIMEOUT_MS = 5_000;
const STOP_TIMEOUT_MS = 15_000;
const MAX_DEV_NODES = 9;
const IDENTITY_FILE = "identity/node.json";

const NEW_API_KEY_HELP =
  'start it with another one for the root user in SKERRY_ROOT_API_KEY ("sk_" and 16 to 200 letters and digits)';

interface DevOptions {
  readonly nodes: string;
  readonly dataDir: string;
  readonly s3Port: string;
  readonly apiPort: string;
  readonly peerPort: string;
  readonly metricsPort: string;
  readonly logLevel: string;
}

export function addDevCommand(program: Command): void {
  program
    .command("dev")
    .description(
      "A whole cluster on this machine: one process a node, keys printed once; started again it goes on",
    )
    .option("--nodes <number>", "how many nodes, 1 to 9", "3")
    .option("--data-dir <directory>", "where the nodes keep their data", "./skerry-data")
    .option("--s3-port <port>", "S3 port of the first node; the next have the ports above it", "9000")
    .option("--api-port <port>", "API port of the first node", "8080")
    .option("--peer-port <port>", "first port for the nodes among themselves; each takes two", "7400")
    .option("--metrics-port <port>", "metrics port of the first node", "9100")
    .option("--log-level <level>", "least level that the nodes log", "warn")
    .addHelpText(
      "after",
      `
SKERRY_ROOT_ACCESS_KEY, SKERRY_ROOT_SECRET_KEY and SKERRY_ROOT_API_KEY give the root keys instead of having them made;
SKERRY_BUCKETS=a,b creates buckets.`,
    )
    .action((options: DevOptions) => new DevCluster(options).run());
}

interface DevNode {
  readonly number: number;
  readonly name: string;
  readonly directory: string;
  readonly s3: string;
  readonly api: string;
  readonly peer: string;
  readonly metrics: string;
}

class DevCluster {
  readonly #options: DevOptions;
  readonly #nodes: readonly DevNode[];
  readonly #children = new Map<number, ChildProcess>();
  #stopping = false;

  constructor(options: DevOptions) {
    this.#options = options;
    const count = wholeNumber(options.nodes, "--nodes", 1, MAX_DEV_NODES);
    this.#nodes = Array.from({ length: count }, (_, index) => describeNode(options, index));
  }

  async run(): Promise<void> {
    // Not once: a terminal, make and a supervisor may each send theirs, and the second must not cut the first one's work short.
    process.on("SIGINT", () => void this.#stop());
    process.on("SIGTERM", () => void this.#stop());
    try {
      this.#warnOfOthers();
      const how = await this.#start();
      this.#announce(how);
    } catch (error) {
      await this.#stop();
      throw error;
    }
  }

  /** Nodes of an earlier start: without them the others may be too few to decide anything. */
  #warnOfOthers(): void {
    const others = nodesIn(resolve(this.#options.dataDir)).filter((number) => number > this.#nodes.length);
    if (others.length === 0) return;
    const names = others.map((number) => `node-${number}`).join(", ");
    process.stderr.write(
      `skerry: this cluster has more nodes than --nodes ${this.#nodes.length}: ${names} will not be started; --nodes ${Math.max(...others)} starts all\n`,
    );
  }

  /** Founds what is new, continues what is there. Returns whether the cluster is new. */
  async #start(): Promise<{ readonly isNew: boolean }> {
    const [first, ...others] = this.#nodes;
    if (first === undefined) throw new CommandError("a cluster has at least one node", 2);
    const founded = hasIdentity(first) ? undefined : await foundNode(this.#config(first));
    // At once: they are known nowhere else, and the start may still fail or be ended.
    if (founded !== undefined) process.stdout.write(newKeysText(founded.keys));
    this.#launch(first);
    const strangers = others.filter((node) => !hasIdentity(node));
    for (const node of others.filter(hasIdentity)) this.#launch(node);
    if (strangers.length > 0) {
      await this.#ready([first, ...others.filter(hasIdentity)]);
      const apiKey =
        founded?.keys.apiKey ?? process.env["SKERRY_ROOT_API_KEY"] ?? process.env["SKERRY_API_KEY"];
      if (apiKey === undefined) {
        throw new CommandError(
          `${strangers.map((node) => node.name).join(", ")} still have to join, and that takes an API key: set SKERRY_API_KEY to the one printed when the cluster was made, or ${NEW_API_KEY_HELP}`,
          2,
        );
      }
      for (const node of strangers) await this.#join(node, first, apiKey);
    }
    await this.#ready(this.#nodes);
    return { isNew: founded !== undefined };
  }

  async #join(node: DevNode, through: DevNode, apiKey: string): Promise<void> {
    const { token } = await remoteWithKey(ClusterService, `http://${through.api}`, apiKey).createJoinToken(
      {},
    );
    this.#launch(node, { token, address: through.peer });
    await this.#ready([node]);
  }

  #config(node: DevNode) {
    try {
      return loadConfig({ environment: process.env, flags: this.#settings(node) });
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      throw new CommandError(String(error), 2);
    }
  }

  #settings(node: DevNode) {
    return {
      "node.name": node.name,
      "node.zone": `zone-${node.number}`,
      "node.data_dir": node.directory,
      "s3.listen": node.s3,
      "api.listen": node.api,
      "peer.listen": node.peer,
      "metrics.listen": node.metrics,
      "log.level": this.#options.logLevel,
      "s3.threads": process.env["SKERRY_S3_THREADS"] ?? this.#threads(),
    } as const;
  }

  /** The processors are shared by all nodes. */
  #threads(): string {
    const processors = Math.floor(availableParallelism() / this.#nodes.length);
    return this.#nodes.length === 1 ? "auto" : String(Math.max(0, processors - 1));
  }

  #launch(node: DevNode, join?: { readonly token: string; readonly address: string }): void {
    const flags = Object.entries(this.#settings(node)).flatMap(([name, value]) => [
      `--${name.replaceAll(/[._]/g, "-")}`,
      value,
    ]);
    const program = process.argv[1];
    if (program === undefined) throw new CommandError("cannot tell which program this is");
    const child = spawn(
      process.execPath,
      [
        ...process.execArgv,
        program,
        "server",
        "--stop-with-stdin",
        ...flags,
        ...(join ? ["--join-address", join.address] : []),
      ],
      {
        // The pipe ends with this process, however that ends, and the nodes with the pipe.
        stdio: ["pipe", "inherit", "inherit"],
        // A signal to the terminal's process group must reach the nodes through us, in order.
        detached: true,
        env: { ...process.env, ...(join && { SKERRY_JOIN_TOKEN: join.token }) },
      },
    );
    this.#children.set(node.number, child);
    child.once("exit", (code, signal) => {
      this.#children.delete(node.number);
      if (!this.#stopping) {
        const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
        process.stderr.write(`skerry: ${node.name} ended ${how}; run \`skerry dev\` again to start it\n`);
        if (this.#children.size === 0) process.exitCode = 1;
      }
    });
  }

  async #ready(nodes: readonly DevNode[]): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    for (const node of nodes) {
      while (!(await isReady(node))) {
        if (!this.#children.has(node.number))
          throw new CommandError(`${node.name} did not start; see its messages above`);
        if (Date.now() > deadline)
          throw new CommandError(`${node.name} is not ready after ${READY_TIMEOUT_MS / 1000} s`, 3);
        await new Promise((wake) => setTimeout(wake, READY_POLL_MS));
      }
    }
  }

  #announce({ isNew }: { readonly isNew: boolean }): void {
    const keys = keysFromEnvironment();
    const lines = [
      "",
      `Skerry is ready: ${this.#nodes.length} ${this.#nodes.length === 1 ? "node" : "nodes"}, data in ${resolve(this.#options.dataDir)}`,
      "",
    ];
    for (const node of this.#nodes)
      lines.push(`  ${node.name}   S3 http://${node.s3}   API http://${node.api}`);
    lines.push("");
    if (isNew) lines.push("  The keys are those above.");
    else if (keys !== undefined) lines.push(...keyLines(keys));
    else
      lines.push(
        "  The keys are those that were printed when this cluster was made. When they are lost,",
        `  stop it and ${NEW_API_KEY_HELP}.`,
      );
    lines.push("", "  Stop with Ctrl-C.", "");
    process.stdout.write(`${lines.join("\n")}\n`);
  }

  /** Every node gets the time to finish what is in flight; whoever does not end is killed. */
  async #stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const children = [...this.#children.values()];
    for (const child of children) child.kill("SIGTERM");
    const gone = Promise.all(children.map((child) => new Promise((done) => child.once("exit", done))));
    const late = new Promise((done) => setTimeout(done, STOP_TIMEOUT_MS).unref());
    await Promise.race([gone, late]);
    for (const child of this.#children.values()) child.kill("SIGKILL");
  }
}

function describeNode(options: DevOptions, index: number): DevNode {
  const port = (text: string, option: string, step = 1) =>
    wholeNumber(text, option, 1, 65_535) + index * step;
  const at = (value: number) => `127.0.0.1:${value}`;
  return {
    number: index + 1,
    name: `node-${index + 1}`,
    directory: resolve(options.dataDir, `node-${index + 1}`),
    s3: at(port(options.s3Port, "--s3-port")),
    api: at(port(options.apiPort, "--api-port")),
    peer: at(port(options.peerPort, "--peer-port", PEER_PORTS_PER_NODE)),
    metrics: at(port(options.metricsPort, "--metrics-port")),
  };
}

/** Numbers of the nodes that have been made there. */
function nodesIn(dataDirectory: string): number[] {
  if (!existsSync(dataDirectory)) return [];
  return readdirSync(dataDirectory)
    .filter((name) => /^node-[1-9]$/.test(name) && existsSync(resolve(dataDirectory, name, IDENTITY_FILE)))
    .map((name) => Number(name.slice("node-".length)));
}

function newKeysText(keys: RootKeys): string {
  const last = "  Keep the keys now: they are not shown again.";
  return `${["", ...keyLines(keys), "", last].join("\n")}\n`;
}

function keyLines({ accessKey, secretKey, apiKey }: RootKeys): string[] {
  return [`  Access key   ${accessKey}`, `  Secret key   ${secretKey}`, `  API key      ${apiKey}`];
}

function hasIdentity(node: DevNode): boolean {
  return existsSync(resolve(node.directory, IDENTITY_FILE));
}

async function isReady(node: DevNode): Promise<boolean> {
  try {
    return (await fetch(`http://${node.api}/readyz`, { signal: AbortSignal.timeout(READY_LOOK_TIMEOUT_MS) }))
      .ok;
  } catch {
    return false;
  }
}

function keysFromEnvironment(): RootKeys | undefined {
  const accessKey = process.env["SKERRY_ROOT_ACCESS_KEY"];
  const secretKey = process.env["SKERRY_ROOT_SECRET_KEY"];
  const apiKey = process.env["SKERRY_ROOT_API_KEY"];
  if (!accessKey || !secretKey || !apiKey) return undefined;
  return { accessKey, secretKey, apiKey };
}

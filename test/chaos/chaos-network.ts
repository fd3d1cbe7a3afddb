/** A network namespace for each node, and the wire between them and the clients. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { cleanEnvironment } from "../support/clean-environment.ts";

/** The clients' end of the wire, in the namespace of this process. Nodes have their numbers. */
export const CLIENTS = 0;
/** A range for measurements (RFC 2544), which no real network uses. */
const NETWORK = "198.18";
/** Few large packets cost less than many small ones. */
const MTU_BYTES = 16_000;

/** What happens to the packets of one direction. */
export interface Disturbance {
  readonly from: number;
  readonly to: number;
  /** 1000: nothing comes through. */
  readonly lossPermille: number;
  readonly delayMs: number;
  readonly jitterMs: number;
}

export interface WireStats {
  readonly carried: number;
  readonly dropped: number;
  readonly delayed: number;
}

export class ChaosNetwork {
  readonly #nodes: number;
  readonly #name = `skerry-${process.pid}`;
  readonly #device = `skr${process.pid}`;
  readonly #subnet = `${NETWORK}.${process.pid % 250}`;
  readonly #answers: ((line: string) => void)[] = [];
  readonly #disturbances = new Set<Disturbance>();
  #wire: ChildProcess | undefined;

  private constructor(nodes: number) {
    this.#nodes = nodes;
  }

  static async open(options: { wire: string; nodes: number; seed: number }): Promise<ChaosNetwork> {
    const network = new ChaosNetwork(options.nodes);
    try {
      await network.#open(options);
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  hostOf(endpoint: number): string {
    return `${this.#subnet}.${endpoint + 1}`;
  }

  /** What is put before a command to run it in the node's namespace. The process keeps its id. */
  commandOf(node: number): readonly string[] {
    return ["nsenter", `--net=${this.#pathOf(node)}`];
  }

  /** Resolves with the undoing. Several disturbances of one direction: the worst of each kind counts. */
  async disturb(disturbances: readonly Disturbance[]): Promise<() => Promise<void>> {
    for (const each of disturbances) this.#disturbances.add(each);
    await this.#refresh(disturbances);
    return async () => {
      for (const each of disturbances) this.#disturbances.delete(each);
      await this.#refresh(disturbances);
    };
  }

  async stats(): Promise<WireStats> {
    const [carried = 0, dropped = 0, delayed = 0] = (await this.#ask("stats")).split(" ").map(Number);
    return { carried, dropped, delayed };
  }

  /** Also after a start that failed. */
  async close(): Promise<void> {
    const wire = this.#wire;
    if (wire !== undefined && wire.exitCode === null && wire.signalCode === null) {
      const gone = new Promise((resolve) => wire.once("exit", resolve));
      wire.kill("SIGKILL");
      await gone;
    }
    for (let node = 1; node <= this.#nodes; node++) {
      try {
        ip("netns", "delete", this.#namespaceOf(node));
      } catch {
        // It was never made.
      }
    }
  }

  async #open({ wire, nodes, seed }: { wire: string; nodes: number; seed: number }): Promise<void> {
    for (let node = 1; node <= nodes; node++) ip("netns", "add", this.#namespaceOf(node));
    const namespaces = Array.from({ length: nodes }, (_, index) => this.#pathOf(index + 1));
    const child = spawn(wire, [String(seed), this.#device, "-", ...namespaces], {
      env: cleanEnvironment(),
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#wire = child;
    const ready = new Promise<string>((resolve, reject) => {
      this.#answers.push(resolve);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`the wire ended with ${code}`)));
    });
    if (child.stdout === null) throw new Error("the wire has an output");
    createInterface(child.stdout).on("line", (line) => this.#answers.shift()?.(line));
    await ready;
    this.#raise([], CLIENTS);
    for (let node = 1; node <= nodes; node++) {
      const inside = ["-n", this.#namespaceOf(node)];
      ip(...inside, "link", "set", "lo", "up");
      this.#raise(inside, node);
    }
  }

  #raise(inside: readonly string[], endpoint: number): void {
    ip(...inside, "address", "add", `${this.hostOf(endpoint)}/24`, "dev", this.#device);
    ip(...inside, "link", "set", this.#device, "mtu", String(MTU_BYTES), "up");
  }

  async #refresh(directions: readonly Disturbance[]): Promise<void> {
    for (const { from, to } of directions) {
      const acting = [...this.#disturbances].filter((each) => each.from === from && each.to === to);
      const worst = (of: (each: Disturbance) => number) => Math.max(0, ...acting.map(of));
      const delay = worst(({ delayMs }) => delayMs) * 1000;
      const jitter = worst(({ jitterMs }) => jitterMs) * 1000;
      const answer = await this.#ask(
        `link ${from} ${to} ${worst(({ lossPermille }) => lossPermille)} ${delay} ${jitter}`,
      );
      if (answer !== "done") throw new Error(`the wire says: ${answer}`);
    }
  }

  #ask(command: string): Promise<string> {
    return new Promise((resolve) => {
      this.#answers.push(resolve);
      this.#wire?.stdin?.write(`${command}\n`);
    });
  }

  #namespaceOf(node: number): string {
    return `${this.#name}-${node}`;
  }

  #pathOf(node: number): string {
    return `/run/netns/${this.#namespaceOf(node)}`;
  }
}

function ip(...args: readonly string[]): void {
  execFileSync("ip", args, { env: cleanEnvironment(), stdio: "pipe" });
}

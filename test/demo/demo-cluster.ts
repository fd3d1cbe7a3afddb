/** `skerry dev` on free ports with its data in a temporary folder, and what ends it. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../src/platform/node/index.ts";
import { type Running, startSkerryProgram } from "../support/program.ts";

const START_TIMEOUT_MS = 180_000;

export class DemoCluster {
  readonly endpoints: readonly string[];
  readonly apiKey: string;
  readonly directory: string;
  readonly #program: Running;

  private constructor(
    program: Running,
    facts: {
      readonly endpoints: readonly string[];
      readonly apiKey: string;
      readonly directory: string;
    },
  ) {
    this.#program = program;
    this.endpoints = facts.endpoints;
    this.apiKey = facts.apiKey;
    this.directory = facts.directory;
  }

  /** Resolves when every node serves. Rejects with what the program said when it does not come up. */
  static async start(nodes: number): Promise<DemoCluster> {
    const directory = mkdtempSync(join(tmpdir(), "skerry-demo-"));
    const apiKey = `sk_demo_${randomBytes(24).toString("hex")}`;
    const [s3 = 0, api = 0, metrics = 0] = await freePorts(3, nodes);
    const [peer = 0] = await freePorts(1, 2 * nodes);
    const places = { "s3-port": s3, "api-port": api, "peer-port": peer, "metrics-port": metrics, nodes };
    const flags = Object.entries(places).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const program = startSkerryProgram(["dev", "--data-dir", directory, "--log-level", "error", ...flags], {
      env: {
        SKERRY_ROOT_ACCESS_KEY: "demo",
        SKERRY_ROOT_SECRET_KEY: randomBytes(24).toString("hex"),
        SKERRY_ROOT_API_KEY: apiKey,
      },
    });
    const endpoints = Array.from({ length: nodes }, (_, at) => `http://127.0.0.1:${api + at}`);
    const cluster = new DemoCluster(program, { endpoints, apiKey, directory });
    try {
      await program.says("Skerry is ready", START_TIMEOUT_MS);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  async stop(): Promise<void> {
    this.#program.child.kill("SIGTERM");
    await this.#program.ended;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/**
 * A real node inside the calling process, for tests of programs that use S3: nothing is simulated but the scale.
 *
 * ```ts
 * const skerry = await startSkerry({ buckets: ["photos"] });
 * const client = new S3Client({ endpoint: skerry.s3Endpoint, region: skerry.region, forcePathStyle: true, credentials: skerry.credentials });
 * ...
 * await skerry.stop();
 * ```
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMetrics, SILENT_LOGGER } from "../observe/index.ts";
import { createNodePlatform, freePorts } from "../platform/node/index.ts";
import { type Config, loadConfig } from "./config/index.ts";
import { foundNode } from "./founding.ts";
import { type RunningNode, startNode } from "./node.ts";

const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 10;

export interface SkerryOptions {
  /** Kept when the node stops, and continued when it is given again. Default: a temporary directory that goes with the node. */
  readonly dataDirectory?: string;
  /** Created before it resolves. */
  readonly buckets?: readonly string[];
  /** Further settings by name, each as a flag would give it: `{ "s3.public_buckets": "site" }`. What makes it a node of its own cannot be set. */
  readonly settings?: Settings;
}

type Settings = NonNullable<Parameters<typeof loadConfig>[0]["flags"]>;

export interface Skerry {
  readonly s3Endpoint: string;
  readonly apiEndpoint: string;
  readonly region: string;
  /** Of the root user. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly apiKey: string;
  /** Ends the node cleanly. */
  stop(): Promise<void>;
}

const CREDENTIALS = { accessKeyId: "SKERRYTESTING", secretAccessKey: "skerry-testing-secret" };
const API_KEY = "sk_skerry-testing-api-key";

/** Starts a node of its own cluster on free loopback ports. Rejects when it is not ready within 30 s; nothing is left of it then. */
export async function startSkerry(options: SkerryOptions = {}): Promise<Skerry> {
  const directory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), "skerry-"));
  const platform = createNodePlatform();
  let node: RunningNode | undefined;
  const stop = async (): Promise<void> => {
    await node?.stop();
    await platform.hasher.close();
    if (options.dataDirectory === undefined) rmSync(directory, { recursive: true, force: true });
  };
  try {
    const config = await configure(directory, options);
    if (!(await platform.disk.exists(`${directory}/identity/node.json`))) await foundNode(config);
    let fatal: Error | undefined;
    node = await startNode({
      config,
      platform,
      logger: SILENT_LOGGER,
      metrics: createMetrics(),
      onFatal: (error) => {
        fatal = error;
      },
    });
    await ready(node, () => fatal);
    return describe(node, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function configure(directory: string, { buckets = [], settings }: SkerryOptions): Promise<Config> {
  // The peer listener's, and the one above it: Raft's.
  const [peerPort] = await freePorts(1, 2);
  return loadConfig({
    flags: {
      // A test that wants threads asks for them.
      "s3.threads": "0",
      ...settings,
      "node.data_dir": directory,
      "s3.listen": "127.0.0.1:0",
      "api.listen": "127.0.0.1:0",
      "metrics.listen": "127.0.0.1:0",
      "peer.listen": `127.0.0.1:${peerPort}`,
      "root.access_key": CREDENTIALS.accessKeyId,
      "root.secret_key": CREDENTIALS.secretAccessKey,
      "root.api_key": API_KEY,
      buckets: buckets.join(","),
    },
  });
}

async function ready(node: RunningNode, fatal: () => Error | undefined): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (let reason = node.notReadyReason(); reason !== undefined; reason = node.notReadyReason()) {
    const error = fatal();
    if (error !== undefined) throw error;
    if (Date.now() > deadline)
      throw new Error(`the node is not ready after ${READY_TIMEOUT_MS / 1000} s: ${reason}`);
    await new Promise((wake) => setTimeout(wake, READY_POLL_MS));
  }
}

function describe(node: RunningNode, stop: () => Promise<void>): Skerry {
  return {
    s3Endpoint: `http://127.0.0.1:${node.s3Address.port}`,
    apiEndpoint: `http://127.0.0.1:${node.apiAddress.port}`,
    region: "us-east-1",
    credentials: CREDENTIALS,
    apiKey: API_KEY,
    stop,
  };
}

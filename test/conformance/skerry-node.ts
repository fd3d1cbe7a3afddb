/** One node of the built program, with two users, over plain HTTP or over TLS: what the suite talks to. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { get as getPlain } from "node:http";
import { get as getTls } from "node:https";
import { join } from "node:path";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { freePorts } from "../../src/platform/node/index.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { PROGRAM } from "../support/program.ts";
import { trustedCertificates, writeCertificate } from "./certificate.ts";
import { makeMember } from "./members.ts";

const READY_TIMEOUT_MS = 180_000;
const READY_POLL_MS = 50;

/** As the suite names its keys when nobody tells it others. */
export const ENCRYPTION_KEYS = ["testkey-1", "testkey-2"] as const;

export type Transport = "http" | "tls";

/** A user as the suite's configuration describes one. */
export interface SuiteUser {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Canonical user id, as answers show it. */
  readonly id: string;
  readonly displayName: string;
  readonly email: string;
}

export interface SuiteNode {
  readonly port: number;
  readonly users: { readonly main: SuiteUser; readonly alt: SuiteUser };
  /** A member of main's account, where one was asked for. */
  readonly member: SuiteUser | undefined;
  /** Variables under which a client in Python trusts it. */
  readonly clientEnvironment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export interface SuiteNodeOptions {
  /** For the node's data and log; emptied by nobody. */
  readonly directory: string;
  readonly transport: Transport;
  readonly environment: Readonly<Record<string, string>>;
  readonly program?: string | undefined;
  /** Of the member of main's account; undefined: there is none. */
  readonly memberPolicy?: object | undefined;
}

interface Ports {
  readonly s3: number;
  readonly api: number;
  readonly metrics: number;
  readonly peers: number;
}

/** Founds a cluster of one node, makes the users, and serves S3 on a free loopback port. Rejects when it is not ready within three minutes. */
export async function startSuiteNode(options: SuiteNodeOptions): Promise<SuiteNode> {
  const [s3 = 0, api = 0, metrics = 0] = await freePorts(3);
  const [peers = 0] = await freePorts(1, 2);
  const ports: Ports = { s3, api, metrics, peers };
  const program = options.program ?? PROGRAM;
  mkdirSync(options.directory, { recursive: true });
  const environment = nodeEnvironment(options, ports);
  const founded = execFileSync(process.execPath, [program, "cluster", "init"], { env: environment });
  const apiKey = /API key +(\S+)/.exec(founded.toString())?.[1] ?? "";
  const log = join(options.directory, "node.log");

  // Users are made over plain HTTP; certificates of a test need no trust of the command line then.
  let server = await launch(program, { environment, log, ports, transport: "http" });
  const users = {
    main: await makeUser("main", { program, environment, ports, apiKey }),
    alt: await makeUser("alt", { program, environment, ports, apiKey }),
  };
  const { memberPolicy } = options;
  const member = memberPolicy && (await makeMember(s3, users.main, memberPolicy));
  for (const keyId of ENCRYPTION_KEYS) {
    runCommand(["encryption-key", "create", "--id", keyId], { program, environment, ports, apiKey });
  }
  if (options.transport === "tls") {
    await end(server);
    server = await launch(program, {
      environment: { ...environment, ...(await writeCertificate(options.directory)) },
      log,
      ports,
      transport: "tls",
    });
  }
  const clientEnvironment = options.transport === "tls" ? trustedCertificates(options.directory) : {};
  return { port: ports.s3, users, member, clientEnvironment, stop: () => end(server) };
}

function nodeEnvironment(options: SuiteNodeOptions, ports: Ports): Record<string, string> {
  return cleanEnvironment({
    SKERRY_NODE_DATA_DIR: join(options.directory, "data"),
    SKERRY_S3_LISTEN: `127.0.0.1:${ports.s3}`,
    SKERRY_API_LISTEN: `127.0.0.1:${ports.api}`,
    SKERRY_METRICS_LISTEN: `127.0.0.1:${ports.metrics}`,
    SKERRY_PEER_LISTEN: `127.0.0.1:${ports.peers}`,
    SKERRY_LOG_LEVEL: "warn",
    SKERRY_S3_CUSTOMER_KEYS_OVER_HTTP: "true",
    // Whom a policy or a list lets in is for the suite to say, on buckets whose names it draws.
    SKERRY_S3_PUBLIC_BUCKETS: "*",
    ...options.environment,
  });
}

interface Launch {
  readonly environment: Record<string, string>;
  readonly log: string;
  readonly ports: Ports;
  readonly transport: Transport;
}

async function launch(
  program: string,
  { environment, log, ports, transport }: Launch,
): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program, "server"], {
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const file = createWriteStream(log, { flags: "a" });
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await isReady(ports.api, transport))) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      await end(child);
      throw new Error(`the node did not become ready: see ${log}`);
    }
    await new Promise((wake) => setTimeout(wake, READY_POLL_MS));
  }
  return child;
}

function isReady(port: number, transport: Transport): Promise<boolean> {
  const url = `${transport === "tls" ? "https" : "http"}://127.0.0.1:${port}/readyz`;
  return new Promise((resolve) => {
    const sent =
      transport === "tls"
        ? getTls(url, { rejectUnauthorized: false, agent: false })
        : getPlain(url, { agent: false });
    sent.on("response", (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    sent.on("error", () => resolve(false));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await gone;
}

interface Administered {
  readonly program: string;
  readonly environment: Record<string, string>;
  readonly ports: Ports;
  readonly apiKey: string;
}

function runCommand(args: readonly string[], node: Administered): Buffer {
  return execFileSync(process.execPath, [node.program, ...args], {
    env: {
      ...node.environment,
      SKERRY_ENDPOINT: `http://127.0.0.1:${node.ports.api}`,
      SKERRY_API_KEY: node.apiKey,
    },
  });
}

async function makeUser(name: string, node: Administered): Promise<SuiteUser> {
  runCommand(["user", "create", name, "--display-name", `s3-tests ${name}`, "--email", emailOf(name)], node);
  const args = ["key", "create", "--user", name, "--role", "user", "--output", "json"];
  const made = runCommand(args, node);
  const { keyId, secret } = JSON.parse(made.toString()) as { keyId: string; secret: string };
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${node.ports.s3}`,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: keyId, secretAccessKey: secret },
  });
  const { Owner: owner } = await client.send(new ListBucketsCommand({}));
  client.destroy();
  return {
    accessKey: keyId,
    secretKey: secret,
    id: owner?.ID ?? "",
    displayName: owner?.DisplayName ?? "",
    email: emailOf(name),
  };
}

function emailOf(name: string): string {
  return `${name}@example.com`;
}

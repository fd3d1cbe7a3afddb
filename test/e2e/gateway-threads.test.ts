/** Of the promise: however many threads serve S3, a node is one server. Each connection belongs to one of them, and no client can tell which. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { remoteWithKey } from "../../cmd/skerry/remote.ts";
import { KeyKind, KeyService, Role } from "../../src/gen/skerry/admin/v1/admin_pb.js";
import { MaintenanceService } from "../../src/gen/skerry/admin/v1/maintenance_pb.js";
import { freePorts } from "../../src/platform/node/index.ts";
import { signRequest } from "../../src/s3/index.ts";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { sha256Of } from "../support/content.ts";
import { skerry as program } from "../support/program.ts";
import { seeded } from "../support/seeded.ts";

const THREADS = 3;
/** That all of so many are dealt to one thread is as good as impossible. */
const CONNECTIONS = 40;
const MiB = 1024 * 1024;
const UNSIGNED = "UNSIGNED-PAYLOAD";
const seed = Number(process.env["SKERRY_TEST_SEED"] ?? Date.now() % 1_000_000);

const directory = mkdtempSync(join(tmpdir(), "skerry-threads-"));
const settings = {
  "s3.threads": String(THREADS),
  "s3.replays": "block",
  "limits.requests_in_flight_per_key": "60",
  "limits.failed_authentications_burst": "5",
  "limits.failed_authentications_per_second": "1",
} as const;
let skerry: Skerry;
let connections: Connection[] = [];

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly headers: IncomingMessage["headers"];
}

interface Asking {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** One connection, and so one thread. */
class Connection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  sign(
    method: string,
    path: string,
    {
      headers = {},
      credentials = skerry.credentials,
    }: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly credentials?: Skerry["credentials"];
    } = {},
  ): Asking {
    const { accessKeyId, secretAccessKey: secret } = credentials;
    const { host } = new URL(skerry.s3Endpoint);
    const signed = signRequest(
      {
        method,
        host,
        path,
        query: new Map(),
        headers: new Map(Object.entries(headers)),
        payloadHash: UNSIGNED,
      },
      { accessKeyId, secret, region: skerry.region },
      Date.now(),
    );
    return { method, path, headers: signed.headers };
  }

  /** Sends a head, and leaves the body to the caller. */
  begin({ method, path, headers }: Asking): {
    readonly request: ClientRequest;
    readonly answer: Promise<Answer>;
  } {
    const { hostname, port } = new URL(skerry.s3Endpoint);
    const begun = request({ agent: this.#agent, host: hostname, port, method, path, headers });
    const answer = new Promise<Answer>((resolve, reject) => {
      begun.once("error", reject);
      begun.once("response", (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.once("error", reject);
        response.once("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            body: Buffer.concat(pieces),
            headers: response.headers,
          }),
        );
      });
    });
    answer.catch(() => undefined);
    return { request: begun, answer };
  }

  send(asking: Asking, body?: Uint8Array): Promise<Answer> {
    const { request: begun, answer } = this.begin(asking);
    begun.end(body);
    return answer;
  }

  put(
    path: string,
    body: Uint8Array,
    credentials?: Skerry["credentials"],
    more?: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const headers = { "content-length": String(body.length), ...more };
    return this.send(this.sign("PUT", path, { headers, ...(credentials && { credentials }) }), body);
  }

  get(path: string, credentials?: Skerry["credentials"]): Promise<Answer> {
    return this.send(this.sign("GET", path, credentials && { credentials }));
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** With each connection, all at once. */
function onAll<T>(action: (connection: Connection, at: number) => Promise<T>): Promise<T[]> {
  return Promise.all(connections.map(action));
}

beforeAll(async () => {
  skerry = await startSkerry({ dataDirectory: join(directory, "node"), buckets: ["bucket"], settings });
  connections = Array.from({ length: CONNECTIONS }, () => new Connection());
}, 60_000);

afterAll(async () => {
  for (const connection of connections) connection.close();
  await skerry?.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe("a node whose S3 has several threads", () => {
  it("shows every acknowledged write on every connection at once", async () => {
    console.log(`seed ${seed} (SKERRY_TEST_SEED=${seed})`);
    const random = seeded(seed);
    for (let round = 0; round < 30; round++) {
      const size = Math.floor(random() * 40_000);
      const writer = connections[Math.floor(random() * CONNECTIONS)]!;
      const path = `/bucket/shown-${round % 3}`;
      const isDelete = round % 5 === 4;
      const body = randomBytes(size);
      // Within a second, the same request is signed the same: without a header that differs, another one would be a replay.
      const headers = { "x-amz-meta-round": String(round) };
      const done = isDelete
        ? await writer.send(writer.sign("DELETE", path, { headers }))
        : await writer.put(path, body, undefined, headers);
      expect(done.status, `seed ${seed}`).toBe(isDelete ? 204 : 200);
      const answers = await onAll((connection) => connection.get(path));
      for (const { status, body: got } of answers) {
        expect(status, `seed ${seed}, round ${round}`).toBe(isDelete ? 404 : 200);
        if (!isDelete) expect(got.equals(body)).toBe(true);
      }
    }
  }, 60_000);

  it("moves objects of all sizes through all of them", async () => {
    const sizes = [0, 1, 16_384, 16_385, 262_144, 4 * MiB, 4 * MiB + 1, 9_000_000];
    const bodies = sizes.map((size) => randomBytes(size));
    const put = await onAll((connection, at) =>
      connection.put(`/bucket/size-${at}`, bodies[at % sizes.length]!),
    );
    expect(new Set(put.map(({ status }) => status))).toEqual(new Set([200]));
    const got = await onAll((_, at) => connections[(at + 7) % CONNECTIONS]!.get(`/bucket/size-${at}`));
    for (const [at, { status, body }] of got.entries()) {
      expect(status).toBe(200);
      expect(sha256Of(body)).toBe(sha256Of(bodies[at % sizes.length]!));
    }
  }, 60_000);

  it("takes a signed write once, on whichever connection it comes first", async () => {
    const body = randomBytes(100);
    const headers = { "content-length": String(body.length) };
    const asking = connections[0]!.sign("PUT", "/bucket/once", { headers });
    const answers = await onAll((connection) => connection.send(asking, body));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(CONNECTIONS - 1);
  });

  it("counts what a key has under way over all of them", async () => {
    const headers = { "content-length": "5" };
    const held = connections.map((connection, at) => {
      const begun = connection.begin(connection.sign("PUT", `/bucket/held-${at}`, { headers }));
      begun.request.write("abc");
      return begun;
    });
    const more = Array.from({ length: 60 }, () => new Connection());
    // They are under way once the limit is reached, whatever the order in which the threads got them.
    const others = more.map((connection, at) => {
      const begun = connection.begin(connection.sign("PUT", `/bucket/more-${at}`, { headers }));
      begun.request.write("abc");
      return begun;
    });
    const refused: number[] = [];
    for (const { answer } of [...held, ...others])
      void answer.then(({ status }) => refused.push(status)).catch(() => undefined);
    const wanted = CONNECTIONS + more.length - 60;
    while (refused.length < wanted) await new Promise((wake) => setTimeout(wake, 5));
    expect(new Set(refused)).toEqual(new Set([503]));
    const all = [...held, ...others];
    for (const { request: begun } of all) if (!begun.destroyed) begun.end("de");
    const statuses = await Promise.all(all.map(({ answer }) => answer.then(({ status }) => status)));
    expect(statuses.filter((status) => status === 200)).toHaveLength(60);
    expect(statuses.filter((status) => status === 503)).toHaveLength(wanted);
    for (const connection of more) connection.close();
    expect((await connections[0]!.get("/bucket/held-0")).status).toBeLessThan(500);
  }, 60_000);

  it("forgets a key on all of them before its revocation is answered", async () => {
    const keys = remoteWithKey(KeyService, skerry.apiEndpoint, skerry.apiKey);
    const { key, secret } = await keys.createKey({ kind: KeyKind.S3, role: Role.ADMIN });
    const credentials = { accessKeyId: key?.keyId ?? "", secretAccessKey: secret };
    const before = await onAll((connection) => connection.get("/bucket/shown-0", credentials));
    expect(before.filter(({ status }) => status === 403)).toEqual([]);
    await keys.revokeKey({ keyId: credentials.accessKeyId });
    const after = await onAll((connection) => connection.get("/bucket/shown-0", credentials));
    expect(after.filter(({ status }) => status !== 403 && status !== 503)).toEqual([]);
  });

  it("slows guessing down over all of them", async () => {
    const credentials = { accessKeyId: "GUESSEDKEY0000000001", secretAccessKey: "no" };
    const answers = await onAll((connection) => connection.get("/bucket/shown-0", credentials));
    const told = answers.filter(({ status }) => status === 403);
    expect(told.length).toBeLessThanOrEqual(settings["limits.failed_authentications_burst"].length + 9);
    expect(answers.filter(({ status }) => status === 503).length).toBe(CONNECTIONS - told.length);
  });

  it("enters the maintenance mode when no write is under way on any of them, and lets none begin", async () => {
    const maintenance = remoteWithKey(MaintenanceService, skerry.apiEndpoint, skerry.apiKey);
    const headers = { "content-length": "5" };
    const slow = connections.map((connection, at) => {
      const begun = connection.begin(connection.sign("PUT", `/bucket/slow-${at}`, { headers }));
      begun.request.write("abc");
      return begun;
    });
    const stateOf = async () => (await maintenance.getMaintenance({})).maintenance?.state;
    await new Promise((wake) => setTimeout(wake, 200));
    await maintenance.setMaintenance({ on: true });
    const fresh = Array.from({ length: CONNECTIONS }, () => new Connection());
    const refused = await Promise.all(
      fresh.map((connection, at) => connection.put(`/bucket/new-${at}`, Buffer.from("x"))),
    );
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]));
    expect(await stateOf()).toBe("entering");
    for (const { request: begun } of slow) begun.end("de");
    for (const { answer } of slow) expect((await answer).status).toBe(200);
    while ((await stateOf()) !== "quiesced") await new Promise((wake) => setTimeout(wake, 50));
    const reads = await onAll((connection) => connection.get("/bucket/slow-0"));
    expect(new Set(reads.map(({ status }) => status))).toEqual(new Set([200]));
    await maintenance.setMaintenance({ on: false });
    while ((await stateOf()) !== "off") await new Promise((wake) => setTimeout(wake, 50));
    expect((await fresh[0]!.put("/bucket/again", Buffer.from("x"))).status).toBe(200);
    for (const connection of fresh) connection.close();
  }, 60_000);

  it("writes every write of all of them into one audit log, whose chain holds", async () => {
    const puts = await onAll((connection, at) => connection.put(`/bucket/audited-${at}`, Buffer.from("x")));
    const ids = puts.map(({ headers }) => String(headers["x-amz-request-id"]));
    const lines = (): string[] =>
      readdirSync(join(directory, "node/audit")).flatMap((name) =>
        readFileSync(join(directory, "node/audit", name), "utf8").split("\n"),
      );
    const found = () => ids.filter((id) => lines().some((line) => line.includes(`"requestId":"${id}"`)));
    while (found().length < ids.length) await new Promise((wake) => setTimeout(wake, 20));
    const verified = await program(["audit", "verify", join(directory, "node/audit")], { env: process.env });
    expect(verified.stderr).toBe("");
    expect(verified.exitCode).toBe(0);
  }, 60_000);

  it("cannot be started on a port that another one has, although its threads share theirs", async () => {
    const [apiPort, metricsPort] = await freePorts(2);
    const [peerPort] = await freePorts(1, 2);
    const env = {
      PATH: process.env["PATH"],
      SKERRY_NODE_DATA_DIR: join(directory, "second"),
      SKERRY_S3_LISTEN: new URL(skerry.s3Endpoint).host,
      SKERRY_S3_THREADS: String(THREADS),
      SKERRY_API_LISTEN: `127.0.0.1:${apiPort}`,
      SKERRY_METRICS_LISTEN: `127.0.0.1:${metricsPort}`,
      SKERRY_PEER_LISTEN: `127.0.0.1:${peerPort}`,
    };
    expect((await program(["cluster", "init"], { env })).exitCode).toBe(0);
    const { exitCode, stderr, stdout } = await program(["server"], { env, timeoutMs: 30_000 });
    expect(exitCode).not.toBe(0);
    expect(`${stderr}${stdout}`).toContain("EADDRINUSE");
    expect((await connections[0]!.get("/bucket/shown-0")).status).toBeLessThan(500);
  }, 60_000);

  it("finishes what is under way on all of them when it stops, and has it when it starts again", async () => {
    const headers = { "content-length": "5" };
    const fresh = Array.from({ length: CONNECTIONS }, () => new Connection());
    const begun = fresh.map((connection, at) => {
      const each = connection.begin(connection.sign("PUT", `/bucket/last-${at}`, { headers }));
      each.request.write("abc");
      return each;
    });
    await new Promise((wake) => setTimeout(wake, 300));
    const stopped = skerry.stop();
    for (const { request: each } of begun) each.end("de");
    for (const { answer } of begun) expect((await answer).status).toBe(200);
    await stopped;
    for (const connection of fresh) connection.close();
    skerry = await startSkerry({ dataDirectory: join(directory, "node"), settings });
    for (const connection of connections.splice(0)) connection.close();
    connections = Array.from({ length: CONNECTIONS }, () => new Connection());
    const answers = await onAll((connection, at) => connection.get(`/bucket/last-${at}`));
    expect(answers.map(({ body }) => body.toString())).toEqual(answers.map(() => "abcde"));
  }, 60_000);
});

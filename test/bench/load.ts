/**
 * The load generator: plain sockets with keep-alive, one request at a time on each, heads signed beforehand, so that it takes as little as
 * it can of the two cores that it shares with what it measures.
 */
import { connect, type Socket } from "node:net";
import { percentile } from "./limits.ts";
import { type Credentials, signedHead } from "./sigv4.ts";

export interface LoadOptions {
  readonly endpoints: readonly string[];
  readonly credentials: Credentials;
  readonly bucket: string;
  readonly operation: "PUT" | "GET";
  readonly sizeBytes: number;
  readonly clients: number;
  readonly durationMs: number;
  /** Different keys; each client walks its own share. */
  readonly keys: number;
  /** Put every key once before the clock starts. */
  readonly fill?: boolean;
}

export interface LoadResult {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly bytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Runs for about `durationMs`; every request that began is finished and counted. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  if (options.fill) await putEveryKey(options);
  const body = options.operation === "PUT" ? fill(options.sizeBytes) : Buffer.alloc(0);
  const times: number[] = [];
  let errors = 0;
  const begun = performance.now();
  const deadline = begun + options.durationMs;
  const clients = Array.from({ length: options.clients }, async (_, client) => {
    const endpoint = new URL(options.endpoints[client % options.endpoints.length] ?? "");
    const connection = new Connection(endpoint);
    const share = Math.max(1, Math.floor(options.keys / options.clients));
    const heads = Array.from({ length: share }, (_, index) =>
      headOf(options, options.operation, endpoint.host, (client * share + index) % options.keys),
    );
    await connection.open();
    for (let round = 0; performance.now() < deadline; round++) {
      const start = performance.now();
      const status = await connection.request(heads[round % share] ?? Buffer.alloc(0), body);
      times.push(performance.now() - start);
      if (status !== 200) errors += 1;
    }
    connection.close();
  });
  await Promise.all(clients);
  const seconds = (performance.now() - begun) / 1000;
  times.sort((a, b) => a - b);
  return {
    requests: times.length,
    errors,
    seconds,
    perSecond: times.length / seconds,
    bytesPerSecond: (times.length * options.sizeBytes) / seconds,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
  };
}

function headOf(options: LoadOptions, method: "PUT" | "GET", host: string, key: number): Buffer {
  return signedHead(options.credentials, {
    method,
    host,
    path: `/${options.bucket}/${options.sizeBytes}/${key}`,
    ...(method === "PUT" && { contentLength: options.sizeBytes }),
  });
}

/** Sizes whose keys are all there, by endpoint and bucket: later rounds need not put them again. */
const filled = new Set<string>();

async function putEveryKey(options: LoadOptions): Promise<void> {
  const [first] = options.endpoints;
  const name = `${first} ${options.bucket} ${options.sizeBytes} ${options.keys}`;
  if (first === undefined || filled.has(name)) return;
  const endpoint = new URL(first);
  const body = fill(options.sizeBytes);
  let next = 0;
  const lanes = Array.from({ length: 16 }, async () => {
    const connection = new Connection(endpoint);
    await connection.open();
    while (next < options.keys) {
      const status = await connection.request(headOf(options, "PUT", endpoint.host, next++), body);
      if (status !== 200) throw new Error(`filling the bucket: status ${status}`);
    }
    connection.close();
  });
  await Promise.all(lanes);
  filled.add(name);
}

function fill(sizeBytes: number): Buffer {
  const body = Buffer.alloc(sizeBytes);
  for (let at = 0; at + 4 <= sizeBytes; at += 4) body.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  return body;
}

const HEAD_END = Buffer.from("\r\n\r\n");

class Connection {
  readonly #endpoint: URL;
  #socket: Socket | undefined;
  #head: Buffer = Buffer.alloc(0);
  #bodyLeft = -1;
  #status = 0;
  #answer: { resolve: (status: number) => void; reject: (error: Error) => void } | undefined;

  constructor(endpoint: URL) {
    this.#endpoint = endpoint;
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(this.#endpoint.port), this.#endpoint.hostname, resolve);
      socket.setNoDelay(true);
      socket.on("data", (data: Buffer) => this.#take(data));
      socket.on("error", (error) => {
        reject(error);
        this.#answer?.reject(error);
      });
      socket.on("close", () => this.#answer?.reject(new Error("the server closed the connection")));
      this.#socket = socket;
    });
  }

  request(head: Buffer, body: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
      const socket = this.#socket;
      if (socket === undefined) return reject(new Error("not open"));
      socket.cork();
      socket.write(head);
      if (body.length > 0) socket.write(body);
      socket.uncork();
    });
  }

  close(): void {
    this.#answer = undefined;
    this.#socket?.destroy();
  }

  #take(data: Buffer): void {
    let rest = data;
    if (this.#bodyLeft < 0) {
      this.#head = this.#head.length === 0 ? rest : Buffer.concat([this.#head, rest]);
      const end = this.#head.indexOf(HEAD_END);
      if (end < 0) return;
      const head = this.#head.toString("latin1", 0, end);
      this.#status = Number(head.slice(9, 12));
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      this.#bodyLeft = length === undefined ? 0 : Number(length);
      rest = this.#head.subarray(end + 4);
      this.#head = Buffer.alloc(0);
    }
    this.#bodyLeft -= rest.length;
    if (this.#bodyLeft > 0) return;
    this.#bodyLeft = -1;
    const { resolve } = this.#answer ?? {};
    this.#answer = undefined;
    resolve?.(this.#status);
  }
}

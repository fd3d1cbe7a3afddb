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
  const times: number[] = [];
  let errors = 0;
  const clients = await Promise.all(
    Array.from({ length: options.clients }, (_, client) => openClient(options, client)),
  );
  const begun = performance.now();
  const deadline = begun + options.durationMs;
  const runs = clients.map(async ({ connection, requests }) => {
    let start = begun;
    for (let round = 0; start < deadline; round++) {
      const status = await connection.request(requests[round % requests.length]!);
      const end = performance.now();
      times.push(end - start);
      start = end;
      if (status !== 200) errors += 1;
    }
    connection.close();
  });
  await Promise.all(runs);
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

/** A connection with the requests that it will send: signing them is not what is measured. */
async function openClient(options: LoadOptions, client: number) {
  const { endpoints, operation, sizeBytes, keys } = options;
  const endpoint = new URL(endpoints[client % endpoints.length] ?? "");
  const connection = new Connection(endpoint);
  await connection.open();
  const share = Math.max(1, Math.floor(keys / options.clients));
  const body = operation === "PUT" ? fill(sizeBytes) : Buffer.alloc(0);
  const requests = Array.from({ length: share }, (_, index) =>
    request(headOf(options, operation, endpoint.host, (client * share + index) % keys), body),
  );
  return { connection, requests };
}

/** What goes into one write each. */
type Request = readonly Buffer[];

const JOINED_BODY_BYTES = 16 * 1024;

/** A small body in one piece with its head: one write is cheaper than two. */
function request(head: Buffer, body: Buffer): Request {
  if (body.length === 0) return [head];
  return body.length > JOINED_BODY_BYTES ? [head, body] : [Buffer.concat([head, body])];
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
      const status = await connection.request(request(headOf(options, "PUT", endpoint.host, next++), body));
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
/** As Node writes it, and as other servers do. */
const CONTENT_LENGTH = [Buffer.from("\r\nContent-Length: "), Buffer.from("\r\ncontent-length: ")];
const STATUS_AT = "HTTP/1.1 ".length;
const READ_BYTES = 256 * 1024;
const ZERO = 0x30;

class Connection {
  readonly #endpoint: URL;
  #socket: Socket | undefined;
  /** Of an answer whose head has not come whole. */
  #head: Buffer | undefined;
  #bodyLeft = -1;
  #status = 0;
  #answer: { resolve: (status: number) => void; reject: (error: Error) => void } | undefined;

  constructor(endpoint: URL) {
    this.#endpoint = endpoint;
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = this.#endpoint;
      // One buffer for everything that comes: nobody keeps it.
      const buffer = Buffer.alloc(READ_BYTES);
      const onread = {
        buffer,
        callback: (bytes: number): boolean => {
          this.#take(buffer.subarray(0, bytes));
          return true;
        },
      };
      const socket = connect({ host: hostname, port: Number(port), onread }, resolve);
      socket.setNoDelay(true);
      socket.on("error", (error) => {
        reject(error);
        this.#answer?.reject(error);
      });
      socket.on("close", () => this.#answer?.reject(new Error("the server closed the connection")));
      this.#socket = socket;
    });
  }

  request(pieces: Request): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
      const socket = this.#socket;
      if (socket === undefined) return reject(new Error("not open"));
      if (pieces.length > 1) socket.cork();
      for (const piece of pieces) socket.write(piece);
      if (pieces.length > 1) socket.uncork();
    });
  }

  close(): void {
    this.#answer = undefined;
    this.#socket?.destroy();
  }

  #take(data: Buffer): void {
    if (this.#bodyLeft >= 0) {
      this.#bodyLeft -= data.length;
    } else {
      const come = this.#head === undefined ? data : Buffer.concat([this.#head, data]);
      const end = come.indexOf(HEAD_END);
      if (end < 0) {
        // A copy: the buffer is read into again.
        this.#head = Buffer.from(come);
        return;
      }
      this.#head = undefined;
      this.#status = numberAt(come, STATUS_AT);
      this.#bodyLeft = contentLength(come, end) - (come.length - end - HEAD_END.length);
    }
    if (this.#bodyLeft > 0) return;
    this.#bodyLeft = -1;
    const { resolve } = this.#answer ?? {};
    this.#answer = undefined;
    resolve?.(this.#status);
  }
}

/** 0 where the head says nothing. */
function contentLength(head: Buffer, end: number): number {
  for (const name of CONTENT_LENGTH) {
    const at = head.indexOf(name);
    if (at >= 0 && at < end) return numberAt(head, at + name.length);
  }
  return 0;
}

function numberAt(bytes: Buffer, at: number): number {
  let value = 0;
  for (let i = at; bytes[i]! >= ZERO && bytes[i]! <= ZERO + 9; i++) value = 10 * value + bytes[i]! - ZERO;
  return value;
}

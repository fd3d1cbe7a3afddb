/**
 * Writers and readers on single-writer keys, with an oracle that needs no search: every key has one writer that puts numbered versions one
 * after the other, so that a read that begins after version n was acknowledged must see n or later, and never anything that was not sent.
 */
import { createHash } from "node:crypto";
import { GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";

export interface WorkloadOptions {
  /** One client for each endpoint; requests go round. */
  readonly clients: readonly S3Client[];
  readonly bucket: string;
  readonly keys: number;
  readonly readers: number;
  /** Sizes of the versions, taken in turn, in bytes: inline, one chunk, several. */
  readonly sizes: readonly number[];
}

interface KeyState {
  /** Highest version whose put was answered with success. */
  acknowledged: number;
  /** Highest version that was sent. */
  attempted: number;
}

export interface WorkloadReport {
  readonly puts: number;
  readonly gets: number;
  /** Failed requests by what the client saw; every one of them was a retryable one. */
  readonly retryable: ReadonlyMap<string, number>;
  /** What must not happen, each a sentence. */
  readonly violations: readonly string[];
}

export class RegisterWorkload {
  readonly #options: WorkloadOptions;
  readonly #keys: KeyState[];
  #clients: S3Client[];
  readonly #retryable = new Map<string, number>();
  readonly #violations: string[] = [];
  #puts = 0;
  #gets = 0;
  #stopping = false;
  #running: Promise<void>[] = [];
  #turn = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#clients = [...options.clients];
    this.#keys = Array.from({ length: options.keys }, () => ({ acknowledged: 0, attempted: 0 }));
  }

  start(): void {
    const writers = this.#keys.map((_, key) => this.#write(key));
    const readers = Array.from({ length: this.#options.readers }, (_, reader) => this.#read(reader));
    this.#running = [...writers, ...readers];
  }

  /** Requests go to this endpoint too. */
  addClient(client: S3Client): void {
    this.#clients.push(client);
  }

  /** What is under way with it goes on; nothing new is asked of it. */
  removeClient(client: S3Client): void {
    this.#clients = this.#clients.filter((other) => other !== client);
  }

  get puts(): number {
    return this.#puts;
  }

  /** Ends the loops, then reads every key from every endpoint. */
  async finish(): Promise<WorkloadReport> {
    this.#stopping = true;
    await Promise.all(this.#running);
    for (const client of this.#clients) {
      for (let key = 0; key < this.#keys.length; key++) await this.#check(client, key, true);
    }
    return { puts: this.#puts, gets: this.#gets, retryable: this.#retryable, violations: this.#violations };
  }

  async #write(key: number): Promise<void> {
    const state = this.#keys[key];
    if (state === undefined) return;
    while (!this.#stopping) {
      const version = ++state.attempted;
      try {
        await this.#client().send(
          new PutObjectCommand({
            Bucket: this.#options.bucket,
            Key: `register/${key}`,
            Body: contentOf(key, version, this.#sizeOf(version)),
          }),
        );
        state.acknowledged = version;
        this.#puts += 1;
      } catch (error) {
        this.#failed(error, `put of key ${key} version ${version}`);
        await pause(50);
      }
    }
  }

  async #read(reader: number): Promise<void> {
    for (let round = reader; !this.#stopping; round++) {
      await this.#check(this.#client(), (round * 7) % this.#keys.length, false);
    }
  }

  async #check(client: S3Client, key: number, mustAnswer: boolean): Promise<void> {
    const state = this.#keys[key];
    if (state === undefined) return;
    const least = state.acknowledged;
    try {
      const answer = await client.send(
        new GetObjectCommand({ Bucket: this.#options.bucket, Key: `register/${key}` }),
      );
      const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
      this.#gets += 1;
      this.#judge({ key, bytes, least, greatest: state.attempted });
    } catch (error) {
      if (codeOf(error) === "NoSuchKey") {
        if (least > 0)
          this.#violations.push(`key ${key}: version ${least} was acknowledged, and the key is not there`);
      } else {
        this.#failed(error, `get of key ${key}`);
        if (mustAnswer) this.#violations.push(`key ${key} cannot be read at the end: ${codeOf(error)}`);
        await pause(50);
      }
    }
  }

  #judge(read: { key: number; bytes: Uint8Array; least: number; greatest: number }): void {
    const { key, bytes, least, greatest } = read;
    const version = Number(
      /^key (\d+) version (\d+) /.exec(Buffer.from(bytes.subarray(0, 64)).toString("latin1"))?.[2],
    );
    const expected = Number.isInteger(version) ? contentOf(key, version, this.#sizeOf(version)) : undefined;
    if (expected === undefined || Buffer.compare(expected, bytes) !== 0) {
      this.#violations.push(`key ${key}: ${bytes.length} bytes that nobody wrote`);
    } else if (version < least) {
      this.#violations.push(
        `key ${key}: version ${version} was read after version ${least} had been acknowledged`,
      );
    } else if (version > greatest) {
      this.#violations.push(`key ${key}: version ${version} was read and never sent`);
    }
  }

  #sizeOf(version: number): number {
    return this.#options.sizes[version % this.#options.sizes.length] ?? 64;
  }

  #client(): S3Client {
    const client = this.#clients[this.#turn++ % this.#clients.length];
    if (client === undefined) throw new Error("a workload has a client");
    return client;
  }

  #failed(error: unknown, what: string): void {
    const code = codeOf(error);
    if (!isRetryable(error))
      this.#violations.push(`${what} failed with ${code}: ${(error as Error).message}`);
    this.#retryable.set(code, (this.#retryable.get(code) ?? 0) + 1);
  }
}

/** Content that tells which version it is, and that no other version has. */
function contentOf(key: number, version: number, sizeBytes: number): Buffer {
  const head = Buffer.from(`key ${key} version ${version} `, "latin1");
  const seed = createHash("sha256").update(head).digest();
  const bytes = Buffer.alloc(Math.max(sizeBytes, head.length));
  for (let at = 0; at < bytes.length; at += seed.length) seed.copy(bytes, at);
  head.copy(bytes);
  return bytes;
}

/** What a client may try again: the connection broke, or the server said that it cannot answer now. */
export function isRetryable(error: unknown): boolean {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (status !== undefined) return status === 503;
  return /^(ECONNREFUSED|ECONNRESET|EPIPE|TimeoutError|ETIMEDOUT|NetworkingError|aborted)$/.test(
    codeOf(error),
  );
}

function codeOf(error: unknown): string {
  const { code, name } = error as { code?: string; name?: string };
  return code ?? name ?? "Error";
}

function pause(ms: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, ms));
}

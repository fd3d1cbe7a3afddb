/** S3 clients that read and write a few keys at a time, and the history of what they saw. */
import type { S3Client } from "@aws-sdk/client-s3";
import type { Prng } from "../../src/base/index.ts";
import {
  HistoryRecorder,
  type ObjectInput,
  type ObjectOutput,
} from "../../src/sim/checkers/linearizability/index.ts";
import { contentOf } from "../support/content.ts";
import { pause } from "../support/seeded.ts";
import { outcomeOfError } from "./client-errors.ts";
import { contentNameOf, cut, type S3Call, sendCall } from "./s3-calls.ts";

const CLIENTS = 6;
const FOLDERS_AT_ONCE = 2;
const KEYS_IN_FOLDER = 3;
/** A folder is left after so many calls, or so many whose outcome is unknown: both make its history harder to check. */
const MAX_CALLS_IN_FOLDER = 70;
const MAX_UNKNOWN_IN_FOLDER = 8;
const REQUEST_TIMEOUT_MS = 8000;
/** When all is healed, the machine may still be busy; but not for ever. */
const FINAL_TIMEOUT_MS = 60_000;
const FINAL_ATTEMPTS = 3;
const PAUSE_MS = 15;
/** From here on objects are uploaded in parts. */
const MULTIPART_BYTES = 6_000_000;
/** Inline, one chunk, several, several parts; and how often each. */
const SIZES = [
  ...Array.from({ length: 24 }, () => 300),
  ...Array.from({ length: 12 }, () => 40_000),
  ...[1_000_000, 1_000_000, 5_000_000, 6_000_000],
];
const LARGE_BYTES = 5_000_000;

interface Folder {
  readonly name: string;
  calls: number;
  unknown: number;
  /** What was seen last at each key, to make conditions that may hold. */
  readonly seen: Map<string, string>;
}

interface Call extends S3Call {
  readonly client: number;
  readonly node: number;
  readonly folder: Folder;
}

export class ObjectClients {
  readonly history = new HistoryRecorder<ObjectInput, ObjectOutput>();
  readonly #clients: readonly S3Client[];
  readonly #bucket: string;
  readonly #prng: Prng;
  readonly #folders: Folder[] = [];
  readonly #active: Folder[] = [];
  readonly #violations: string[] = [];
  readonly #errors = new Map<string, number>();
  readonly #written: number[];
  #calls = 0;
  #unknown = 0;
  #refused = 0;
  #stopping = false;
  #running: Promise<void>[] = [];

  /** A client for each node. */
  constructor(options: {
    readonly clients: readonly S3Client[];
    readonly bucket: string;
    readonly prng: Prng;
  }) {
    this.#clients = options.clients;
    this.#bucket = options.bucket;
    this.#prng = options.prng;
    this.#written = options.clients.map(() => 0);
  }

  start(): void {
    for (let at = 0; at < FOLDERS_AT_ONCE; at++) this.#open(at);
    this.#running = Array.from({ length: CLIENTS }, (_, client) =>
      this.#run(client, this.#prng.fork(`client-${client}`)),
    );
  }

  /** Puts and deletes that were acknowledged through nodes other than this one. */
  writtenElsewhere(node: number): number {
    return this.#written.reduce((sum, count, index) => (index + 1 === node ? sum : sum + count), 0);
  }

  get counts() {
    return {
      calls: this.#calls,
      unknown: this.#unknown,
      refused: this.#refused,
      folders: this.#folders.length,
    };
  }

  get errors(): ReadonlyMap<string, number> {
    return this.#errors;
  }

  get violations(): readonly string[] {
    return this.#violations;
  }

  /** Lets the clients finish what they do. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  /** A large object through every node. All must be acknowledged. */
  async writeEverywhere(): Promise<void> {
    this.#open(0);
    const folder = this.#folders.at(-1);
    if (folder === undefined) return;
    for (const [index] of this.#clients.entries()) {
      const node = index + 1;
      // Each attempt has bytes of its own: an earlier one may have happened.
      const draw = () => this.#drawPut({ sizeBytes: LARGE_BYTES, key: keysOf(folder)[0] ?? "" });
      if (await this.#callAtLast(() => ({ client: 0, node, folder, ...draw() }))) continue;
      this.#violations.push(`at the end nothing can be written through node ${node}`);
    }
  }

  /** Reads every key and every folder through every node. All must answer: what was acknowledged stays, and can be read everywhere. */
  async readAll(): Promise<number> {
    let reads = 0;
    const queue = this.#folders.flatMap((folder) =>
      this.#clients.map((_, index) => ({ folder, node: index + 1 })),
    );
    const worker = async (client: number) => {
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        const { folder, node } = next;
        const list: ObjectInput = {
          kind: "list",
          bucket: this.#bucket,
          prefix: folder.name,
          after: "",
          limit: 1000,
        };
        const gets = keysOf(folder).map((key): ObjectInput => ({ kind: "get", bucket: this.#bucket, key }));
        for (const input of [list, ...gets]) {
          reads++;
          if (await this.#callAtLast(() => ({ client, node, folder, input }))) continue;
          this.#violations.push(`at the end node ${node} does not answer: ${JSON.stringify(input)}`);
        }
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, at) => worker(CLIENTS + at)));
    return reads;
  }

  #open(slot: number): void {
    const folder = {
      name: `folder-${this.#folders.length}/`,
      calls: 0,
      unknown: 0,
      seen: new Map<string, string>(),
    };
    this.#folders.push(folder);
    this.#active[slot] = folder;
  }

  async #run(client: number, prng: Prng): Promise<void> {
    while (!this.#stopping) {
      const slot = prng.below(FOLDERS_AT_ONCE);
      const folder = this.#active[slot];
      if (folder === undefined) continue;
      const node = prng.between(1, this.#clients.length);
      const isAnswered = await this.#call(
        { client, node, folder, ...this.#draw(prng, folder) },
        REQUEST_TIMEOUT_MS,
      );
      const isUsedUp = folder.calls >= MAX_CALLS_IN_FOLDER || folder.unknown >= MAX_UNKNOWN_IN_FOLDER;
      if (isUsedUp && this.#active[slot] === folder) this.#open(slot);
      await pause(isAnswered ? PAUSE_MS : 10 * PAUSE_MS);
    }
  }

  #draw(prng: Prng, folder: Folder): S3Call {
    const bucket = this.#bucket;
    const key = prng.pick(keysOf(folder));
    const what = prng.below(100);
    if (what < 45) {
      const put = this.#drawPut({ sizeBytes: prng.pick(SIZES), key });
      const seen = folder.seen.get(key);
      const condition = prng.below(4);
      if (condition === 0) return { ...put, input: { ...put.input, ifAbsent: true } };
      if (condition === 1 && seen !== undefined) return { ...put, input: { ...put.input, ifMatch: seen } };
      return put;
    }
    if (what < 70) return { input: { kind: "get", bucket, key } };
    if (what < 76) return { input: { kind: "head", bucket, key } };
    if (what < 86) return { input: { kind: "delete", bucket, key } };
    const after = prng.pick(["", ...keysOf(folder)]);
    return {
      input: { kind: "list", bucket, prefix: folder.name, after, limit: prng.between(1, KEYS_IN_FOLDER) },
    };
  }

  /** No two puts have the same bytes. */
  #drawPut(what: { readonly sizeBytes: number; readonly key: string }) {
    const body = contentOf(`put ${this.#calls} of ${this.#prng.seed}`, what.sizeBytes);
    const parts = what.sizeBytes >= MULTIPART_BYTES ? cut(body) : [body];
    const content = contentNameOf(parts);
    return { parts, input: { kind: "put", bucket: this.#bucket, key: what.key, content } as const };
  }

  /** False when it was not answered, several times. */
  async #callAtLast(draw: () => Call): Promise<boolean> {
    for (let attempt = 1; attempt <= FINAL_ATTEMPTS; attempt++) {
      if (await this.#call(draw(), FINAL_TIMEOUT_MS)) return true;
      await pause(attempt * 1000);
    }
    return false;
  }

  /** False when it was not answered. */
  async #call(call: Call, timeoutMs: number): Promise<boolean> {
    const { client, node, folder, input } = call;
    this.#calls++;
    folder.calls++;
    const invocation = this.history.invoke(client, input);
    try {
      const s3 = this.#clients[node - 1];
      if (s3 === undefined) throw new Error(`there is no node ${node}`);
      const { output, wrong } = await sendCall(s3, call, AbortSignal.timeout(timeoutMs));
      if (wrong !== undefined) this.#violations.push(`node ${node}: ${wrong}: ${JSON.stringify(input)}`);
      invocation.returned(output);
      this.#note(call, output);
      return true;
    } catch (error) {
      const outcome = outcomeOfError(error, input);
      this.#errors.set(outcome.name, (this.#errors.get(outcome.name) ?? 0) + 1);
      switch (outcome.kind) {
        case "returned":
          invocation.returned(outcome.output);
          return true;
        case "refused":
          invocation.refused();
          this.#refused++;
          return false;
        case "unknown":
          this.#unknown++;
          if (input.kind === "put" || input.kind === "delete") folder.unknown++;
          return false;
        case "wrong":
          this.#violations.push(
            `node ${node} answers ${JSON.stringify(input)} with ${outcome.name}: ${String(error)}`,
          );
          return false;
      }
    }
  }

  #note({ node, folder, input }: Call, output: ObjectOutput): void {
    if (input.kind === "list") return;
    if (input.kind === "put" && output.kind === "done") folder.seen.set(input.key, input.content);
    if (output.kind === "found") folder.seen.set(input.key, output.content);
    const isWrite = input.kind === "put" || input.kind === "delete";
    if (isWrite && output.kind === "done") this.#written[node - 1] = (this.#written[node - 1] ?? 0) + 1;
  }
}

function keysOf(folder: Folder): readonly string[] {
  return Array.from({ length: KEYS_IN_FOLDER }, (_, at) => `${folder.name}key-${at}`);
}

import { createHash } from "node:crypto";
import { beforeEach } from "vitest";
import type { BodySource, ObjectAttributes, Preconditions, RangeRequest } from "../index.ts";
import { OWNER, SingleNode } from "./single-node.ts";

export const BUCKET = "photos";
export const ATTRIBUTES: ObjectAttributes = {
  contentType: "text/plain",
  headers: new Map([["cache-control", "no-store"]]),
  userMetadata: new Map([["who", "me"]]),
  storageClass: "STANDARD",
};

/** Of somebody who waits to the end. */
export const signal: AbortSignal = new AbortController().signal;
export const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");
/** So many bytes, of which no two neighbours are the same. */
export const upTo = (sizeBytes: number) =>
  Buffer.from(Array.from({ length: sizeBytes }, (_, at) => (at * 7) & 0xff));

/** In pieces, as a client sends it. */
export function body(bytes: Uint8Array | string, expected: BodySource["expected"] = {}): BodySource {
  const data = Buffer.from(bytes);
  async function* pieces() {
    for (let at = 0; at < data.length; at += 700) yield data.subarray(at, at + 700);
  }
  return { sizeBytes: data.length, bytes: pieces(), expected };
}

/** A node with one bucket, and what tests do with the objects in it. */
export class ObjectRig {
  #node: SingleNode | undefined;

  /** For the file that calls it: another one before each test. */
  static forEachTest(): ObjectRig {
    const rig = new ObjectRig();
    beforeEach(async () => {
      rig.#node = await SingleNode.create();
      await rig.node.objects.createBucket({ bucket: BUCKET, region: "r", owner: OWNER });
    });
    return rig;
  }

  get node(): SingleNode {
    if (this.#node === undefined) throw new Error("outside of a test");
    return this.#node;
  }

  readonly put = (
    key: string,
    content: Uint8Array | string,
    more: { preconditions?: Preconditions; body?: BodySource } = {},
  ) => {
    const { preconditions } = more;
    return this.node.objects.putObject({
      bucket: BUCKET,
      key,
      body: more.body ?? body(content),
      attributes: ATTRIBUTES,
      ...(preconditions && { preconditions }),
      owner: OWNER,
      signal,
    });
  };

  /** As Latin-1. */
  readonly get = async (
    key: string,
    more: { range?: RangeRequest; preconditions?: Preconditions } = {},
  ): Promise<string> => {
    const result = await this.node.objects.getObject({ bucket: BUCKET, key, ...more, caller: { signal } });
    const pieces: Uint8Array[] = [];
    for await (const piece of result.body) pieces.push(piece);
    return Buffer.concat(pieces).toString("latin1");
  };

  readonly keysOf = async (
    delimiter: string,
    more: { prefix?: string; after?: string; limit?: number } = {},
  ) => {
    const page = await this.node.objects.listObjects({
      bucket: BUCKET,
      prefix: more.prefix ?? "",
      delimiter,
      after: more.after ?? "",
      limit: more.limit ?? 1000,
    });
    return { keys: page.objects.map(({ key }) => key), prefixes: page.commonPrefixes, next: page.next };
  };
}

/** The driver `s3`: a bucket of a service that speaks S3, and decides If-None-Match on writes. */

import type { Hasher } from "../../platform/index.ts";
import { type OutsideStore, SearchError, STORE_NAME, type StorePage } from "../../search/index.ts";
import { errorCodeOf, listedKeysOf } from "./s3-answers.ts";
import type { S3Client, S3ClientResponse } from "./s3-client.ts";

/** Of a page of a list, in bytes. */
const MAX_LIST_BYTES = 4 * 1024 * 1024;

export interface S3StoreOptions {
  readonly client: S3Client;
  readonly hasher: Pick<Hasher, "digest">;
  readonly bucket: string;
  /** Empty, or ends with "/". */
  readonly prefix: string;
  /** Clusters that are given the same bucket and prefix do not meet there. */
  readonly clusterId: string;
}

export class S3Store implements OutsideStore {
  readonly #options: S3StoreOptions;
  readonly #prefix: string;

  constructor(options: S3StoreOptions) {
    this.#options = options;
    this.#prefix = `${options.prefix}${options.clusterId}/`;
  }

  /** Buckets are made by whoever owns them. */
  async prepare(): Promise<void> {}

  async putIfAbsent(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<"written" | "exists"> {
    const { client, hasher } = this.#options;
    const checksum = Buffer.from(hasher.digest("crc32c", bytes)).toString("base64");
    const headers = new Map([
      ["content-type", "application/octet-stream"],
      ["if-none-match", "*"],
      ["x-amz-checksum-crc32c", checksum],
    ]);
    const path = this.#pathOf(name);
    const response = await client.send(
      { method: "PUT", path, headers, body: bytes, maxBytes: 0, wanted: [] },
      signal,
    );
    if (response.status === 200) return "written";
    if (response.status === 412) return "exists";
    throw this.#refused("PutObject", response);
  }

  async read(
    name: string,
    { offset, length }: { readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const headers = new Map([["range", `bytes=${offset}-${offset + length - 1}`]]);
    const response = await this.#options.client.send(
      { method: "GET", path: this.#pathOf(name), headers, maxBytes: length, wanted: [206] },
      signal,
    );
    if (response.status === 206) return response.body;
    // The object ends before the range begins.
    if (response.status === 416) return new Uint8Array();
    if (isMissing(response)) return undefined;
    throw this.#refused("GetObject", response);
  }

  async delete(name: string, signal: AbortSignal): Promise<void> {
    const response = await this.#options.client.send(
      { method: "DELETE", path: this.#pathOf(name), maxBytes: 0, wanted: [] },
      signal,
    );
    if (response.status !== 200 && response.status !== 204 && !isMissing(response))
      throw this.#refused("DeleteObject", response);
  }

  async list(
    { after, limit }: { readonly after: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<StorePage> {
    const query = new Map([
      ["list-type", "2"],
      ["max-keys", String(limit)],
      ["prefix", this.#prefix],
      ["start-after", `${this.#prefix}${after}`],
    ]);
    const path = `/${this.#options.bucket}`;
    const response = await this.#options.client.send(
      { method: "GET", path, query, maxBytes: MAX_LIST_BYTES, wanted: [200] },
      signal,
    );
    const listed = response.status === 200 ? listedKeysOf(response.body) : undefined;
    if (listed === undefined) throw this.#refused("ListObjectsV2", response);
    const behind = listed.keys.map((key) => key.slice(this.#prefix.length));
    return {
      names: behind.filter((name) => STORE_NAME.test(name)),
      next: listed.isTruncated ? behind.at(-1) : undefined,
    };
  }

  #pathOf(name: string): string {
    return `/${this.#options.bucket}/${this.#prefix}${name}`;
  }

  #refused(operation: string, { status, body }: S3ClientResponse): SearchError {
    const code = errorCodeOf(body);
    const said = code === undefined ? "" : ` (${code.slice(0, 64)})`;
    return new SearchError("unavailable", `${operation} is answered with status ${status}${said}`);
  }
}

/** That the bucket is not there is not known of the object. */
function isMissing({ status, body }: S3ClientResponse): boolean {
  return status === 404 && errorCodeOf(body) === "NoSuchKey";
}

import type { ByteRange } from "../ports.ts";

/**
 * A store outside the cluster: a directory, or a bucket of some service. It keeps whole objects under names that are ids of blobs, 32 hexadecimal digits, and
 * is trusted with nothing but keeping them: what it gives back is verified by whoever asked. Rejects with SearchError "unavailable", also where it is not known
 * whether something was done.
 */
export interface OutsideStore {
  /** Made before the store is used for the first time, and by nobody else: a directory that is not mounted must not look like an empty one. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Resolves when the bytes are durable, or with "exists" when the name is taken: what is there stays as it is. */
  putIfAbsent(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<"written" | "exists">;
  /** The bytes of the range, fewer where the object ends before; undefined: there is no object of this name. */
  read(name: string, range: ByteRange, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** A name that is not there is fine. */
  delete(name: string, signal: AbortSignal): Promise<void>;
  /** Names behind `after`, in order. What is stored beside them under other names is left out. */
  list(options: { readonly after: string; readonly limit: number }, signal: AbortSignal): Promise<StorePage>;
}

export interface StorePage {
  readonly names: readonly string[];
  /** Where the next page begins; undefined: this was the last one. */
  readonly next: string | undefined;
}

/** The name of a blob in a store. */
export const STORE_NAME: RegExp = /^[0-9a-f]{32}$/;

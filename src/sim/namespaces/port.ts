import type { PlainCounts, PlainDocument, PlainId } from "./documents.ts";

/** Which state is read. */
export interface PlainRead {
  readonly consistency: "strong" | "eventual";
  /** A version of the past; undefined: the newest. */
  readonly atVersion: number | undefined;
}

/**
 * What clients ask of namespaces, in plain values: the engine of a simulated node, or the REST surface of a real one. Rejects with SearchError where it is refused, and with anything
 * else where nothing is known.
 */
export interface NamespacePort {
  create(name: string, schema: unknown): Promise<void>;
  /** `request`: as the REST surface has it. */
  write(
    name: string,
    request: unknown,
    idempotencyKey: string,
  ): Promise<{ readonly version: number; readonly counts: PlainCounts; readonly repeated: boolean }>;
  fetch(
    name: string,
    ids: readonly PlainId[],
    read: PlainRead,
  ): Promise<{ readonly version: number; readonly documents: readonly (PlainDocument | undefined)[] }>;
  query(
    name: string,
    request: Record<string, unknown>,
    read: PlainRead,
  ): Promise<{ readonly version: number; readonly hits: readonly PlainId[] }>;
  /** All documents in the order of their ids, `limit` at a time. */
  export(
    name: string,
    limit: number,
    read: PlainRead,
  ): Promise<{ readonly version: number; readonly documents: readonly PlainDocument[] }>;
  branch(source: string, target: string): Promise<void>;
  /** The version of its parent with which it began; undefined: it is no branch. */
  parentVersion(name: string): Promise<number | undefined>;
  compact(name: string): Promise<string>;
  /** What is wrong with its bytes. */
  verify(name: string): Promise<readonly string[]>;
  delete(name: string): Promise<void>;
}

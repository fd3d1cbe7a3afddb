import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import {
  type AppliedRow,
  AppliedRowSchema,
  type ClusterRow,
  ClusterRowSchema,
  EncryptionKeyRowSchema,
  type ObjectEncryption,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ScanRange, StoreRow } from "../../platform/index.ts";
import { isOfRing } from "../encryption-uses.ts";
import {
  APPLIED_KEY,
  CLUSTER_KEY,
  encryptionKeyKey,
  encryptionUseKey,
  type TableName,
  tableRange,
} from "../keys.ts";

/** One thing that does not hold. */
export interface Violation {
  /** What must hold, as a fixed text. */
  readonly invariant: string;
  /** The key of the row that it was seen at. */
  readonly at: string;
}

/** A view of a store that does not change while it is read. */
export interface CheckedRows {
  get(key: string): Uint8Array | undefined;
  scan(range: ScanRange): AsyncIterable<StoreRow>;
}

/** Violations after which no more are collected. */
const MAX_VIOLATIONS = 1_000;

/** What the checks of the tables share: the rows, what was found, and a counter for each bucket. */
export class Check {
  readonly violations: Violation[] = [];
  readonly applied: AppliedRow | undefined;
  readonly cluster: ClusterRow | undefined;
  readonly buckets = new Map<bigint, BucketTally>();
  /** Rows with a data key that a version of the ring has wrapped, by the key of that version's row of uses. */
  readonly encryptionUses = new Map<string, bigint>();
  readonly #rows: CheckedRows;

  constructor(rows: CheckedRows) {
    this.#rows = rows;
    this.applied = this.row(APPLIED_KEY, AppliedRowSchema);
    this.cluster = this.row(CLUSTER_KEY, ClusterRowSchema);
  }

  /** Notes a violation unless `condition` holds. */
  holds(condition: boolean, invariant: string, at: string): void {
    if (!condition && this.violations.length < MAX_VIOLATIONS) this.violations.push({ invariant, at });
  }

  get(key: string): Uint8Array | undefined {
    return this.#rows.get(key);
  }

  has(key: string): boolean {
    return this.#rows.get(key) !== undefined;
  }

  row<Desc extends DescMessage>(key: string, schema: Desc): MessageShape<Desc> | undefined {
    const bytes = this.#rows.get(key);
    return bytes === undefined ? undefined : fromBinary(schema, bytes);
  }

  /** A row with this data key was met. */
  countUse(encryption: ObjectEncryption | undefined, at: string): void {
    if (!isOfRing(encryption)) return;
    const { keyId, keyVersion } = encryption;
    const ring = this.row(encryptionKeyKey(keyId), EncryptionKeyRowSchema);
    const isThere = ring?.versions.some(({ version }) => version === keyVersion) === true;
    this.holds(isThere, "every data key is wrapped by a version that is there", at);
    const key = encryptionUseKey(keyId, keyVersion);
    this.encryptionUses.set(key, (this.encryptionUses.get(key) ?? 0n) + 1n);
  }

  scan(range: ScanRange): AsyncIterable<StoreRow> {
    return this.#rows.scan(range);
  }

  /** The decoded rows of a table. */
  async *table<Desc extends DescMessage>(
    table: TableName,
    schema: Desc,
  ): AsyncGenerator<{ readonly key: string; readonly row: MessageShape<Desc> }> {
    for await (const { key, value } of this.#rows.scan(tableRange(table)))
      yield { key, row: fromBinary(schema, value) };
  }

  async *keys(table: TableName): AsyncGenerator<string> {
    for await (const { key } of this.#rows.scan(tableRange(table))) yield key;
  }
}

export interface BucketTally {
  readonly key: string;
  readonly name: string;
  readonly configuredKinds: bigint;
  objects: bigint;
  bytes: bigint;
  versions: bigint;
  versionBytes: bigint;
  uploads: bigint;
}

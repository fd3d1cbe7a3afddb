import type { Filter, Scalar } from "./filters.ts";

/** What the REST API takes and gives, as docs/reference/search.md describes it. */

export interface SparseVector {
  readonly indices: readonly number[];
  readonly values: readonly number[];
}

/** A number beyond 2^53 comes as a bigint, and may be given as one. */
export type DocumentId = string | number | bigint;

/** A Float32Array travels in a quarter of the bytes. Answers have numbers. */
export type Vector = readonly number[] | Float32Array;

export interface Document {
  readonly id: DocumentId;
  /** The field "vector". */
  readonly vector?: Vector;
  readonly vectors?: Readonly<Record<string, Vector>>;
  readonly sparse?: Readonly<Record<string, SparseVector>>;
  readonly text?: Readonly<Record<string, string>>;
  readonly attributes?: Readonly<Record<string, Scalar | readonly Scalar[]>>;
  /** RFC 3339, or milliseconds since the Unix epoch. */
  readonly expires_at?: string | number;
}

/** Fields to change; null removes one. */
export interface DocumentPatch {
  readonly id: DocumentId;
  readonly vector?: Vector | null;
  readonly vectors?: Readonly<Record<string, Vector | null>>;
  readonly sparse?: Readonly<Record<string, SparseVector | null>>;
  readonly text?: Readonly<Record<string, string | null>>;
  readonly attributes?: Readonly<Record<string, Scalar | readonly Scalar[] | null>>;
  readonly expires_at?: string | number | null;
}

export interface WriteBatch {
  readonly upserts?: readonly Document[];
  readonly patches?: readonly DocumentPatch[];
  readonly deletes?: readonly DocumentId[];
  readonly delete_by_filter?: Filter;
  readonly patch_by_filter?: { readonly filter: Filter; readonly set: Omit<DocumentPatch, "id"> };
  /** Each upsert, patch and delete is done only where this holds for the old row. */
  readonly if?: Filter;
  readonly if_version?: number | bigint;
}

export interface WriteResult {
  readonly version: number;
  readonly upserted: number;
  readonly patched: number;
  readonly deleted: number;
  readonly repeated: boolean;
}

export interface Schema {
  readonly vectors?: Readonly<
    Record<
      string,
      {
        readonly dimensions: number;
        readonly metric?: "cosine" | "dot" | "euclidean";
        readonly element?: "f32" | "f16" | "i8";
      }
    >
  >;
  readonly sparse?: Readonly<Record<string, Readonly<Record<string, never>>>>;
  readonly text?: Readonly<
    Record<
      string,
      {
        readonly language?: string;
        readonly stemming?: boolean;
        readonly stop_words?: boolean;
        readonly weight?: number;
        readonly k1?: number;
        readonly b?: number;
      }
    >
  >;
  readonly attributes?: Readonly<
    Record<string, string | { readonly type: string; readonly filterable?: boolean }>
  >;
}

export interface Settings {
  readonly default_ttl_seconds?: number;
  readonly retention_seconds?: number;
  readonly pinned?: boolean;
}

export interface NamespaceInfo {
  readonly org: string;
  readonly project: string;
  readonly namespace: string;
  readonly namespace_id: number;
  readonly schema: Schema;
  readonly settings: Settings;
  readonly version: number;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
  readonly branched_from?: {
    readonly org: string;
    readonly project: string;
    readonly namespace: string;
    readonly version: number;
  };
  readonly statistics: Readonly<Record<string, number>>;
}

/** One query; docs/reference/search.md has every part. */
export interface Query {
  readonly top_k?: number;
  readonly vector?: Vector | Readonly<Record<string, unknown>>;
  readonly text?: string | Readonly<Record<string, unknown>>;
  readonly sparse?: Readonly<Record<string, unknown>>;
  readonly legs?: readonly Readonly<Record<string, unknown>>[];
  readonly filter?: Filter;
  readonly fusion?: "rrf" | "weighted" | { readonly method?: "rrf" | "weighted"; readonly k?: number };
  readonly rank_by?: unknown;
  readonly order_by?: readonly (readonly string[])[];
  readonly cursor?: string;
  readonly aggregate?: Readonly<Record<string, unknown>>;
  readonly facets?: readonly (string | { readonly field: string; readonly limit?: number })[];
  readonly diversify?: { readonly field: string; readonly limit?: number };
  readonly include?: boolean | readonly string[];
  readonly highlight?: boolean | Readonly<Record<string, unknown>>;
  readonly explain?: boolean;
}

export interface ReadOptions {
  readonly consistency?: "strong" | "eventual";
  readonly at_version?: number | bigint;
  readonly at_time_ms?: number;
  readonly timeout_ms?: number;
}

export interface Hit extends Omit<Document, "vector"> {
  readonly score?: number;
  readonly highlights?: Readonly<Record<string, readonly string[]>>;
}

export interface QueryResult {
  readonly results: readonly Hit[];
  readonly aggregations?: readonly {
    readonly key: Readonly<Record<string, Scalar>>;
    /** Sums of floats beyond the greatest number are "Infinity" and "-Infinity". What no document has a value for is left out. */
    readonly values: Readonly<Record<string, Scalar>>;
  }[];
  readonly facets?: Readonly<Record<string, readonly { readonly value: Scalar; readonly count: number }[]>>;
  readonly next_cursor?: string;
  readonly performance: Readonly<Record<string, number | boolean>>;
  readonly explain?: unknown;
}

/** Absent or 0: no limit. */
export interface QuotaLimits {
  readonly max_namespaces?: number;
  readonly max_bytes?: number;
  readonly max_documents?: number;
}

export interface VerifyFinding {
  readonly kind:
    | "unreadable"
    | "count"
    | "id"
    | "column"
    | "index"
    | "vector"
    | "deletes"
    | "twice"
    | "manifest";
  readonly batch?: number;
  readonly segment?: number;
  readonly section: string;
  readonly field: string;
  readonly document?: DocumentId;
  readonly problem: string;
}

export interface VerifyReport {
  readonly version: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly documents: number;
  /** At most 100. Empty: everything is what it should be. */
  readonly findings: readonly VerifyFinding[];
  /** The same in words. */
  readonly problems: readonly string[];
}

export interface CompactReport {
  readonly segments_before: number;
  readonly segments_after: number;
  /** False: there is more to merge; another merge of it may be under way. */
  readonly done: boolean;
}

export interface WarmReport {
  readonly blobs: number;
  readonly bytes: number;
  readonly took_ms: number;
}

export interface RecallReport {
  readonly queries: number;
  /** The mean part of the exact answers that the index found, 0 to 1. */
  readonly recall: number;
  readonly worst: number;
}

export interface Quota extends Required<QuotaLimits> {
  readonly org: string;
  readonly project: string;
  readonly namespaces: number;
  readonly bytes: number;
  readonly documents: number;
}

/** What a namespace holds: its named fields. A name belongs to one field of one kind. */
export interface Schema {
  readonly vectors: ReadonlyMap<string, VectorField>;
  readonly sparse: ReadonlyMap<string, SparseField>;
  readonly text: ReadonlyMap<string, TextField>;
  readonly attributes: ReadonlyMap<string, AttributeField>;
}

export const METRICS = ["cosine", "dot", "euclidean"] as const;
export type Metric = (typeof METRICS)[number];

export const VECTOR_ELEMENTS = ["f32", "f16", "i8"] as const;
export type VectorElement = (typeof VECTOR_ELEMENTS)[number];

export interface VectorField {
  readonly dimensions: number;
  readonly metric: Metric;
  /** How the full vectors are stored: what is searched and returned is what this can represent. */
  readonly element: VectorElement;
}

/** Sparse vectors are compared by their dot product. There is nothing to choose yet. */
export type SparseField = Readonly<Record<never, never>>;

export interface TextField {
  /** "none" or one of the languages of `text/`. */
  readonly language: string;
  readonly stemming: boolean;
  readonly stopWords: boolean;
  /** Factor of the field's score where a query names no other. */
  readonly weight: number;
  readonly k1: number;
  readonly b: number;
}

export const ATTRIBUTE_TYPES = ["string", "int", "float", "bool", "datetime", "uuid"] as const;
export type AttributeType = (typeof ATTRIBUTE_TYPES)[number];

export interface AttributeField {
  readonly type: AttributeType;
  readonly array: boolean;
  /** Only filterable attributes are indexed and may stand in filters, order, aggregations and expressions. */
  readonly filterable: boolean;
}

/** The field that `vector` means in the short forms of documents and queries. */
export const DEFAULT_VECTOR_FIELD = "vector";

/** The name under which filters, orders and projections speak of the document's id. No field may have it. */
export const ID_FIELD = "id";

export const EMPTY_SCHEMA: Schema = {
  vectors: new Map(),
  sparse: new Map(),
  text: new Map(),
  attributes: new Map(),
};

export const DEFAULT_TEXT_FIELD: TextField = {
  language: "english",
  stemming: true,
  stopWords: true,
  weight: 1,
  k1: 1.2,
  b: 0.75,
};

/** Filters as the API takes them: arrays. These functions make them with their types checked; docs/reference/search.md says what each means. */
export type Scalar = string | number | bigint | boolean;

export type Filter = readonly [string, ...unknown[]];

export const and = (...filters: readonly Filter[]): Filter => ["And", filters];
export const or = (...filters: readonly Filter[]): Filter => ["Or", filters];
export const not = (filter: Filter): Filter => ["Not", filter];

/** null: documents without the field. */
export const eq = (field: string, value: Scalar | null): Filter => [field, "Eq", value];
/** null: documents with the field. */
export const ne = (field: string, value: Scalar | null): Filter => [field, "Ne", value];
export const lt = (field: string, value: Scalar): Filter => [field, "Lt", value];
export const lte = (field: string, value: Scalar): Filter => [field, "Lte", value];
export const gt = (field: string, value: Scalar): Filter => [field, "Gt", value];
export const gte = (field: string, value: Scalar): Filter => [field, "Gte", value];
export const isIn = (field: string, values: readonly Scalar[]): Filter => [field, "In", values];
export const notIn = (field: string, values: readonly Scalar[]): Filter => [field, "NotIn", values];
export const contains = (field: string, value: Scalar): Filter => [field, "Contains", value];
export const containsAny = (field: string, values: readonly Scalar[]): Filter => [
  field,
  "ContainsAny",
  values,
];
export const containsAll = (field: string, values: readonly Scalar[]): Filter => [
  field,
  "ContainsAll",
  values,
];
export const prefix = (field: string, text: string): Filter => [field, "Prefix", text];
export const glob = (field: string, pattern: string): Filter => [field, "Glob", pattern];
export const regex = (field: string, pattern: string): Filter => [field, "Regex", pattern];
export const fuzzy = (
  field: string,
  text: string,
  options: { readonly distance?: number; readonly prefix?: boolean } = {},
): Filter => [field, "Fuzzy", text, options];
export const allTokens = (field: string, text: string): Filter => [field, "AllTokens", text];
export const anyToken = (field: string, text: string): Filter => [field, "AnyToken", text];
export const phrase = (field: string, text: string): Filter => [field, "Phrase", text];
export const exists = (field: string): Filter => [field, "Exists"];

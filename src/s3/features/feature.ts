/**
 * A feature is a folder here with the operations of one sub-resource or idea. Its parts stay in files of their own, because the gate's table, the
 * parser and the handlers must not drag each other in:
 *
 *   operations.ts   the types of its operations, their rows for the gate, the query parameters that they take
 *   parse.ts        from the head of a request to one of these types; pure
 *   handle.ts       from one of them to a response, with its XML in and out (or in `render.ts`, where that is long)
 *
 * Each is joined with a line in `operations.ts`, `parsers.ts` and `handlers.ts` of this folder. Completeness is checked by types: an operation
 * without a row, a parser or a handler does not compile.
 */

import type { OperationRow } from "../operation-row.ts";
import type { ParseInput } from "../parse/input.ts";

interface Named {
  readonly name: string;
}

/** The gate's rows of a feature's operations. */
export type FeatureRows<O extends Named> = {
  readonly [N in O["name"]]: OperationRow & { readonly supported: true };
};

/** The query parameters that each of them takes, the sub-resource itself included. */
export type FeatureParameters<O extends Named> = { readonly [N in O["name"]]: ReadonlySet<string> };

export type FeatureParsers<O extends Named> = {
  readonly [N in O["name"]]: (input: ParseInput) => Extract<O, { readonly name: N }>;
};

/** The objects of buckets, as S3 clients of Skerry see them: every call is atomic, listing too. */

import { compareKeys } from "../../../../base/index.ts";
import type { Model } from "../model.ts";
import { partitionByReach } from "./object-partition.ts";

/**
 * `content` names the bytes of an object, equal for equal bytes and for no others, such as their MD5. Who records a history computes it from the
 * bytes that came, and where a request or an answer says an ETag, puts the content that has it.
 */
export type ObjectInput =
  | {
      readonly kind: "put";
      readonly bucket: string;
      readonly key: string;
      readonly content: string;
      /** If-Match: only over this content. */
      readonly ifMatch?: string;
      /** If-None-Match: *, only where nothing is. */
      readonly ifAbsent?: boolean;
    }
  | { readonly kind: "get"; readonly bucket: string; readonly key: string }
  | { readonly kind: "head"; readonly bucket: string; readonly key: string }
  | {
      readonly kind: "delete";
      readonly bucket: string;
      readonly key: string;
      /** If-Match: only this content. */
      readonly ifMatch?: string;
    }
  | {
      readonly kind: "list";
      readonly bucket: string;
      readonly prefix: string;
      /** Exclusive; "" begins at the prefix. */
      readonly after: string;
      readonly limit: number;
    };

export type ObjectOutput =
  /** A put or delete took effect; deleting what is not there is one that does. */
  | { readonly kind: "done" }
  /** A precondition did not hold; nothing happened. */
  | { readonly kind: "refused" }
  | { readonly kind: "found"; readonly content: string }
  | { readonly kind: "absent" }
  | { readonly kind: "listed"; readonly objects: readonly ListedObject[]; readonly isTruncated: boolean };

export interface ListedObject {
  readonly key: string;
  readonly content: string;
}

/** In key order. */
export type ObjectState = readonly ListedObject[];

type Put = Extract<ObjectInput, { kind: "put" }>;
type Delete = Extract<ObjectInput, { kind: "delete" }>;
type List = Extract<ObjectInput, { kind: "list" }>;

export const objectModel: Model<ObjectState, ObjectInput, ObjectOutput> = {
  name: "objects in buckets",
  initial: [],
  step(state, input, output) {
    switch (input.kind) {
      case "put":
      case "delete":
        return change(state, input, output);
      case "get":
      case "head":
        return output === undefined || reads(contentAt(state, input.key), output) ? state : undefined;
      case "list":
        return output === undefined || lists(state, input, output) ? state : undefined;
    }
  },
  keyOf: (state) => JSON.stringify(state.map(({ key, content }) => [key, content])),
  partition: partitionByReach,
  describeInput: ({ kind, ...what }) => `${kind} ${JSON.stringify(what)}`,
  describeOutput: ({ kind, ...what }) =>
    Object.keys(what).length === 0 ? kind : `${kind} ${JSON.stringify(what)}`,
  describeState: (state) =>
    state.length === 0 ? "empty" : state.map(({ key, content }) => `${key}: ${content}`).join(", "),
};

function change(
  state: ObjectState,
  input: Put | Delete,
  output: ObjectOutput | undefined,
): ObjectState | undefined {
  const holds = preconditionHolds(contentAt(state, input.key), input);
  if (output !== undefined && output.kind !== (holds ? "done" : "refused")) return undefined;
  if (!holds) return state;
  const others = state.filter(({ key }) => key !== input.key);
  if (input.kind === "delete") return others;
  const own = { key: input.key, content: input.content };
  return [...others, own].sort((a, b) => compareKeys(a.key, b.key));
}

function preconditionHolds(current: string | undefined, input: Put | Delete): boolean {
  // What is not there counts as deleted, whatever was demanded of it.
  if (input.kind === "delete" && current === undefined) return true;
  if (input.ifMatch !== undefined && current !== input.ifMatch) return false;
  return !(input.kind === "put" && input.ifAbsent === true && current !== undefined);
}

function contentAt(state: ObjectState, key: string): string | undefined {
  return state.find((object) => object.key === key)?.content;
}

function reads(current: string | undefined, output: ObjectOutput): boolean {
  if (current === undefined) return output.kind === "absent";
  return output.kind === "found" && output.content === current;
}

function lists(state: ObjectState, { prefix, after, limit }: List, output: ObjectOutput): boolean {
  if (output.kind !== "listed") return false;
  const matching = state.filter(({ key }) => key.startsWith(prefix) && compareKeys(key, after) > 0);
  const page = matching.slice(0, limit);
  return (
    output.isTruncated === matching.length > page.length &&
    output.objects.length === page.length &&
    page.every(({ key, content }, at) => {
      const listed = output.objects[at];
      return listed?.key === key && listed.content === content;
    })
  );
}

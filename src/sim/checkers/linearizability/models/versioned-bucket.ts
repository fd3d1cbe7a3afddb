/** A bucket with one key, as clients see its versions: bound to the versioning of the bucket, which changes while they write. */

import { type Model, partitionByKey } from "../model.ts";

export type VersionedInput = { readonly bucket: string } & (
  | { readonly kind: "set-versioning"; readonly versioning: "enabled" | "suspended" }
  | { readonly kind: "put"; readonly content: string }
  | { readonly kind: "delete" }
  | { readonly kind: "get" }
  | { readonly kind: "list" }
  | { readonly kind: "delete-version" | "get-version"; readonly versionId: string }
);

export interface ListedVersion {
  readonly versionId: string;
  /** Undefined: a delete marker. */
  readonly content: string | undefined;
  readonly isLatest: boolean;
}

export type VersionedOutput =
  /** `versionId`: of the version or the delete marker that was made; undefined where the answer named none. */
  | { readonly kind: "done"; readonly versionId: string | undefined }
  | { readonly kind: "found"; readonly content: string; readonly versionId: string | undefined }
  /** Nothing, or a delete marker. */
  | { readonly kind: "absent" }
  | { readonly kind: "listed"; readonly versions: readonly ListedVersion[] };

interface Version {
  /** Undefined: whoever made it was not answered, and nobody has seen it yet. */
  readonly versionId: string | undefined;
  /** Undefined: a delete marker. */
  readonly content: string | undefined;
}

/** The newest version first. */
export interface VersionedState {
  readonly versioning: "never" | "enabled" | "suspended";
  readonly versions: readonly Version[];
}

/** What was made while versioning was not enabled: there is one at most. */
const NULL_ID = "null";

export const versionedBucketModel: Model<VersionedState, VersionedInput, VersionedOutput> = {
  name: "a key with versions",
  initial: { versioning: "never", versions: [] },
  step: (state, input, output) => {
    switch (input.kind) {
      case "set-versioning":
        return isDone(output) ? { ...state, versioning: input.versioning } : undefined;
      case "put":
        return added(state, input.content, output);
      case "delete":
        if (state.versioning !== "never") return added(state, undefined, output);
        return isDone(output) ? { ...state, versions: [] } : undefined;
      case "delete-version":
        return isDone(output) ? { ...state, versions: without(state.versions, input.versionId) } : undefined;
      case "get":
        return gotten(state, 0, output);
      case "get-version":
        return gotten(
          state,
          state.versions.findIndex(({ versionId }) => versionId === input.versionId),
          output,
        );
      case "list":
        return listed(state, output);
    }
  },
  keyOf: (state) => JSON.stringify(state),
  partition: (operations) => partitionByKey(operations, ({ bucket }) => bucket),
  describeInput: (input) => JSON.stringify(input),
  describeOutput: (output) => JSON.stringify(output),
  describeState: (state) => JSON.stringify(state),
};

function isDone(output: VersionedOutput | undefined): boolean {
  return output === undefined || output.kind === "done";
}

function without(versions: readonly Version[], versionId: string): readonly Version[] {
  return versions.filter((version) => version.versionId !== versionId);
}

/** A new newest version. */
function added(
  { versioning, versions }: VersionedState,
  content: string | undefined,
  output: VersionedOutput | undefined,
): VersionedState | undefined {
  if (output !== undefined && output.kind !== "done") return undefined;
  if (versioning === "enabled") {
    const versionId = output?.versionId;
    const isNew = versionId !== NULL_ID && versions.every((version) => version.versionId !== versionId);
    if (output !== undefined && (versionId === undefined || !isNew)) return undefined;
    return { versioning, versions: [{ versionId, content }, ...versions] };
  }
  // Where versioning begins while the answer is on its way, the version has a name already.
  const isUnnamed = versioning === "never" && output?.versionId === undefined;
  if (output !== undefined && !isUnnamed && output.versionId !== NULL_ID) return undefined;
  return { versioning, versions: [{ versionId: NULL_ID, content }, ...without(versions, NULL_ID)] };
}

/** What is read of the version at this place; a version whose id nobody knew has it from then on. */
function gotten(
  state: VersionedState,
  at: number,
  output: VersionedOutput | undefined,
): VersionedState | undefined {
  if (output === undefined) return state;
  const version = state.versions[at];
  if (version?.content === undefined) return output.kind === "absent" ? state : undefined;
  if (output.kind !== "found" || output.content !== version.content) return undefined;
  if (state.versioning === "never") return output.versionId === undefined ? state : undefined;
  return named(state, at, output.versionId);
}

function listed(state: VersionedState, output: VersionedOutput | undefined): VersionedState | undefined {
  if (output === undefined) return state;
  if (output.kind !== "listed" || output.versions.length !== state.versions.length) return undefined;
  let after: VersionedState | undefined = state;
  for (const [at, { versionId, content, isLatest }] of output.versions.entries()) {
    if (state.versions[at]!.content !== content || isLatest !== (at === 0)) return undefined;
    after = named(after, at, versionId);
    if (after === undefined) return undefined;
  }
  return after;
}

/** The state in which the version at this place has this id; undefined: it has another one, or another version has it. */
function named(state: VersionedState, at: number, versionId: string | undefined): VersionedState | undefined {
  const version = state.versions[at];
  if (version === undefined || versionId === undefined) return undefined;
  if (version.versionId === versionId) return state;
  const isTaken = state.versions.some((other) => other.versionId === versionId);
  if (version.versionId !== undefined || versionId === NULL_ID || isTaken) return undefined;
  return { ...state, versions: state.versions.with(at, { ...version, versionId }) };
}

/** How far the lifecycle's worker is: kept in the metadata, so that the next leader goes on from there. JSON with the number of its format. */

import { LIFECYCLE_PHASES, type LifecyclePhase } from "./plan.ts";

/** Where the next unit begins. */
export type LifecyclePosition =
  /** With the first bucket behind this name that has rules. */
  | { readonly kind: "behind"; readonly bucket: string }
  | {
      readonly kind: "inside";
      readonly bucket: string;
      /** Decimal: a bucket that was made again is begun again. */
      readonly bucketId: string;
      readonly phase: LifecyclePhase;
      /** One of those of the phase. */
      readonly prefix: string;
      readonly afterKey: string;
      /** Hexadecimal: of the version or the upload behind which it goes on. */
      readonly afterId: string;
      /** Noncurrent versions of `afterKey` that were met, up to `afterId`. */
      readonly newerVersions: number;
    };

export interface LifecyclePass {
  readonly startedMs: number;
  readonly position: LifecyclePosition;
  readonly counts: LifecycleCounts;
}

export interface LifecycleCounts {
  /** Versions, delete markers and uploads that were looked at. */
  readonly examined: number;
  readonly expired: number;
  /** Due, and kept by a lock or because they had changed. */
  readonly kept: number;
}

export const NO_COUNTS: LifecycleCounts = { examined: 0, expired: 0, kept: 0 };

export interface LifecycleState {
  /** Undefined between two passes. */
  readonly pass: LifecyclePass | undefined;
  readonly last:
    | { readonly startedMs: number; readonly endedMs: number; readonly counts: LifecycleCounts }
    | undefined;
}

const FORMAT = 1;

export function encodeState(state: LifecycleState): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...state }));
}

/** Throws on a format that this version does not know. */
export function decodeState(cursor: Uint8Array): LifecycleState {
  const { format, pass, last } = JSON.parse(new TextDecoder().decode(cursor)) as {
    readonly format: number;
  } & LifecycleState;
  if (format !== FORMAT) throw new Error(`the lifecycle's cursor has the unknown format ${format}`);
  if (pass?.position.kind === "inside" && !LIFECYCLE_PHASES.includes(pass.position.phase)) {
    throw new Error("the lifecycle's cursor names an unknown phase");
  }
  return { pass, last };
}

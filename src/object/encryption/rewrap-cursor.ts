/** How far the worker is that wraps data keys anew: kept in the metadata, so that the next leader goes on from there. JSON with the number of its format. */

/** Versions that are current, all others, and open uploads: in this order, in each bucket. */
export const REWRAP_PHASES = ["current", "versions", "uploads"] as const;

export type RewrapPhase = (typeof REWRAP_PHASES)[number];

/** Where the next unit begins. */
export type RewrapPosition =
  /** With the first bucket behind this name. */
  | { readonly kind: "behind"; readonly bucket: string }
  | {
      readonly kind: "inside";
      readonly bucket: string;
      /** Decimal: a bucket that was made again is begun again. */
      readonly bucketId: string;
      readonly phase: RewrapPhase;
      readonly afterKey: string;
      /** Hexadecimal: of the version or the upload behind which it goes on. */
      readonly afterId: string;
    };

export interface RewrapCounts {
  /** Versions and uploads that were looked at. */
  readonly examined: number;
  readonly rewrapped: number;
  /** Changed, moved or removed meanwhile. */
  readonly passedOver: number;
  /** Their data key does not open. */
  readonly failed: number;
}

export const NO_COUNTS: RewrapCounts = { examined: 0, rewrapped: 0, passedOver: 0, failed: 0 };

/** What older versions of all keys wrap, and how often keys were rotated: what a pass that can do nothing but fail leaves is the same until one of them grows. */
export interface RewrapWork {
  readonly uses: number;
  /** The sum of the newest versions. */
  readonly rotations: number;
}

export interface RewrapPass {
  readonly position: RewrapPosition;
  readonly counts: RewrapCounts;
  /** When it began; undefined in what earlier versions of the program have written. */
  readonly begun?: RewrapWork | undefined;
}

export interface RewrapState {
  /** Undefined between two passes. */
  readonly pass: RewrapPass | undefined;
  readonly last:
    | {
        readonly endedMs: number;
        readonly counts: RewrapCounts;
        /** What is left; undefined in what earlier versions of the program have written. */
        readonly left?: RewrapWork | undefined;
      }
    | undefined;
}

const FORMAT = 1;

export function encodeState(state: RewrapState): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...state }));
}

/** Throws on a format that this version does not know. */
export function decodeState(cursor: Uint8Array): RewrapState {
  const { format, pass, last } = JSON.parse(new TextDecoder().decode(cursor)) as {
    readonly format: number;
  } & RewrapState;
  if (format !== FORMAT) throw new Error(`the cursor of the re-wrapping has the unknown format ${format}`);
  if (pass?.position.kind === "inside" && !REWRAP_PHASES.includes(pass.position.phase)) {
    throw new Error("the cursor of the re-wrapping names an unknown phase");
  }
  return { pass, last };
}

import type { PackedBytes } from "../../base/index.ts";
import type { DiskErrorCode } from "../../platform/index.ts";
import type { MetaErrorCode } from "../errors.ts";
import type { StateMemory } from "../shared-state.ts";

/**
 * What a thread that reads the state, and has commands, and the thread that applies the log say to each other. Order is kept each way. Where the state stands,
 * and what has changed in it, is not said: both look at the same memory.
 */

/** How the reading thread begins, cloned into it. */
export interface ReaderStart {
  readonly memory: StateMemory;
  /** Another number whenever another store becomes the live one. */
  readonly generation: SharedArrayBuffer;
  /** Of the store that is live. */
  readonly directory: string;
}

export type ToMetadata =
  /** Of one turn of the event loop, with one deadline: `Command`s with nothing but their bodies. */
  | {
      readonly kind: "submit";
      readonly ids: readonly number[];
      readonly commands: PackedBytes;
      readonly timeoutMs: number;
    }
  | { readonly kind: "barrier"; readonly id: number; readonly timeoutMs: number }
  /** The store that was to be got ready is, or cannot be. */
  | { readonly kind: "prepared"; readonly error?: string }
  /** Nobody here reads the store before the live one any more. */
  | { readonly kind: "released" }
  /** A row could not be read. */
  | {
      readonly kind: "unreadable";
      readonly code: DiskErrorCode;
      readonly path: string;
      readonly message: string;
    };

export type FromMetadata =
  /** Of one turn: `CommandResult`s. */
  | { readonly kind: "results"; readonly ids: readonly number[]; readonly results: PackedBytes }
  | { readonly kind: "passed"; readonly id: number }
  /** A command, or a barrier. */
  | { readonly kind: "refused"; readonly id: number; readonly code: MetaErrorCode; readonly message: string }
  /** A bug, or an error from outside the closed sets. */
  | { readonly kind: "threw"; readonly id: number; readonly message: string }
  /** The store in this directory is to be got ready. */
  | { readonly kind: "prepare"; readonly directory: string }
  /** It has become the live one; the generation in shared memory said so first. */
  | { readonly kind: "switched" };

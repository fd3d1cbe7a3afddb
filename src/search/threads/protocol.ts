/** What the main thread and a search thread say to each other, in order each way. A thread has one job at a time. */

import type { ThreadPort } from "../../base/index.ts";
import type { SearchErrorCode, SearchErrorDetails } from "../errors.ts";
import type { Schema } from "../model/schema.ts";

export type ToSearchThread =
  /** The documents follow in pages, the last one says so. */
  | { readonly kind: "build"; readonly schema: Schema }
  | { readonly kind: "documents"; readonly page: DocumentPage; readonly isLast: boolean }
  | {
      readonly kind: "merge";
      readonly sources: readonly MergeSourceMessage[];
      readonly schema: Schema;
      readonly nowMs: number;
    }
  /** The job is not wanted any more; it is answered all the same. */
  | { readonly kind: "cancel" };

/**
 * Documents as they are stored (`encodeDocument`), one after the other. To let the channel copy the documents themselves takes longer, and copies the
 * whole buffer that a vector may be a part of.
 */
export interface DocumentPage {
  /** Handed over. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ends: readonly number[];
}

export interface MergeSourceMessage {
  /** The whole of its buffer, which is handed over. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of a RowSet: how many rows, and its words. */
  readonly rows: number;
  readonly deleted: Uint32Array;
}

export type FromSearchThread =
  | { readonly kind: "built"; readonly bytes: Uint8Array }
  | {
      readonly kind: "merged";
      readonly parts: readonly Uint8Array[] | undefined;
      readonly rowCount: number;
      readonly places: readonly Uint32Array[];
    }
  /** The world said no. */
  | {
      readonly kind: "refused";
      readonly code: SearchErrorCode;
      readonly message: string;
      readonly details: SearchErrorDetails;
    }
  /** It was cancelled before it was done. */
  | { readonly kind: "cancelled" }
  /** A bug. */
  | { readonly kind: "threw"; readonly message: string; readonly stack: string };

/** A thread that was started. */
export interface SearchThread extends ThreadPort<ToSearchThread, FromSearchThread> {
  /** Called once, when the thread has ended: of itself, by an exception, or by `terminate`. */
  onEnd(listener: (error: Error | undefined) => void): void;
  terminate(): Promise<void>;
}

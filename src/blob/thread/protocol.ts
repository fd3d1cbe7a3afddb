/**
 * What a gateway thread and the thread that has the blobs say to each other, in order each way.
 *
 * Each write and read has a number while it is open. What ends it is always said by the thread that has the blobs, once, also when the gateway has given
 * it up: "written", "failed", or the last piece of a read. Nothing is said of it afterwards there, and the gateway may use its number again when it
 * has heard so. What the gateway had said of it before is then met by nobody and is dropped.
 */

import type { PackedBytes } from "../../base/index.ts";
import type { DigestAlgorithm } from "../../platform/index.ts";
import type { ErrorMessage } from "./error-message.ts";
import type { RowMessage } from "./row-message.ts";

/** The bytes of a body are gathered up to so much before they go over, in bytes. */
export const PACKET_BYTES = 256 * 1024;
/** What one write has sent, or gathered to be sent, and the blobs have not taken yet, in bytes. */
export const WRITE_WINDOW_BYTES = 1024 * 1024;
/** Another piece is read for a reader who has not asked for more than so much of what came before, in bytes. */
export const READ_AHEAD_BYTES = 1024 * 1024;
/** A smaller buffer is not worth its way back, in bytes. */
export const LEAST_RETURNED_BYTES = 32 * 1024;

export type ToBlobs =
  | {
      readonly kind: "write";
      readonly id: number;
      readonly sizeBytes: number;
      readonly digests: readonly DigestAlgorithm[];
    }
  /** The next bytes of the body, which ends with the last of `sizeBytes`. Handed over. */
  | { readonly kind: "bytes"; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
      readonly kind: "read";
      readonly id: number;
      readonly blob: RowMessage;
      readonly offset: number;
      readonly length: number;
    }
  /** The reader has done with so many bytes. */
  | { readonly kind: "consumed"; readonly id: number; readonly bytes: number }
  /** The write or read is not wanted any more; it is answered all the same. */
  | { readonly kind: "cancel"; readonly id: number };

export type FromBlobs =
  /** So many bytes of a body have been taken. */
  | { readonly kind: "taken"; readonly id: number; readonly bytes: number }
  /** `blob`: a NewBlob. */
  | {
      readonly kind: "written";
      readonly id: number;
      readonly blob: Uint8Array | undefined;
      readonly digests: PackedBytes;
    }
  /** Verified bytes, alone in their buffer. Handed over. */
  | {
      readonly kind: "piece";
      readonly id: number;
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly isLast: boolean;
    }
  | { readonly kind: "failed"; readonly id: number; readonly error: ErrorMessage };

/** All that one side says in one turn of its event loop. */
export interface BlobTurn<Message extends ToBlobs | FromBlobs> {
  readonly messages: readonly Message[];
  /** Buffers that had come from the other side, and that nobody reads any more. Handed over. */
  readonly emptied: readonly ArrayBuffer[];
}

/** What the main thread and a hash worker say to each other. Messages of one stream are handled in the order in which they were sent. */

import type { DigestAlgorithm } from "../ports.ts";

export type HashRequest =
  | { readonly kind: "open"; readonly stream: number; readonly algorithms: readonly DigestAlgorithm[] }
  /** The bytes must not change until "hashed" comes back. */
  | {
      readonly kind: "bytes";
      readonly stream: number;
      readonly memory: SharedArrayBuffer;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly kind: "finish"; readonly stream: number }
  | { readonly kind: "abandon"; readonly stream: number };

export type HashResponse =
  /** Answers the oldest "bytes" of the stream that has not been answered. */
  | { readonly kind: "hashed"; readonly stream: number }
  | { readonly kind: "finished"; readonly stream: number; readonly digests: readonly Uint8Array[] };

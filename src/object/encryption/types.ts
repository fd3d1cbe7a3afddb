/** How a caller wants an object encrypted, and what it is told of it. */
export type EncryptionRequest =
  | { readonly kind: "sse-s3" }
  | {
      readonly kind: "sse-kms";
      /** Undefined: the one that the bucket's configuration names. */
      readonly keyId: string | undefined;
      /** As it was sent; kept and not used. */
      readonly context: string | undefined;
      readonly bucketKey: boolean;
    }
  | { readonly kind: "sse-c"; readonly customerKey: CustomerKey };

/** 32 bytes that the client sends with every request; never stored. */
export interface CustomerKey {
  readonly key: Uint8Array;
}

export type EncryptionInfo =
  | { readonly kind: "sse-s3" }
  | { readonly kind: "sse-kms"; readonly keyId: string; readonly bucketKey: boolean }
  | { readonly kind: "sse-c" };

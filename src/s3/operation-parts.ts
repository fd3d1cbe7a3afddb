/** What operations are made of. */

export interface OnBucket {
  readonly bucket: string;
  /** x-amz-expected-bucket-owner: the account number or the canonical user id of who must own the bucket. */
  readonly expectedOwner: string | undefined;
}

export interface OnObject extends OnBucket {
  readonly key: string;
}

/** One version of an object. */
export interface OnVersion extends OnObject {
  /** As it was sent; undefined: the current one. */
  readonly versionId: string | undefined;
}

export interface OnUpload extends OnObject {
  readonly uploadId: string;
}

export interface BucketOperation<N> extends OnBucket {
  readonly name: N;
}

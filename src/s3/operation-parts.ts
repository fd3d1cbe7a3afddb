/** What operations are made of. */

export interface OnBucket {
  readonly bucket: string;
  /** x-amz-expected-bucket-owner: a canonical user id that must own the bucket. */
  readonly expectedOwner: string | undefined;
}

export interface OnObject extends OnBucket {
  readonly key: string;
}

export interface OnUpload extends OnObject {
  readonly uploadId: string;
}

export interface BucketOperation<N> extends OnBucket {
  readonly name: N;
}

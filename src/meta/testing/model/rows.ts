/** What the model keeps of buckets, versions and uploads, and what it is told to do with them. Ids are numbers here. */

/** The tag that rules ask for. */
export const TAGGED = "v";
export const LIFECYCLE_KIND = 3;

export interface ModelSlice {
  readonly blob: number;
  readonly offset: number;
  readonly length: number;
}

/** A data key, by a number for the wrapped bytes, and the version of the ring's one key that has wrapped it. */
export interface ModelWrap {
  readonly version: number;
  readonly wrapped: number;
}

export interface ModelObject {
  readonly version: number;
  readonly etag: string;
  readonly slices: readonly ModelSlice[];
  readonly modifiedMs: number;
  /** Undefined: not encrypted. */
  wrap?: ModelWrap | undefined;
  /** Bytes in the slices that are not the client's. */
  readonly tagBytes?: number;
  /** The value of its one tag, and a number for its grants. */
  tag?: string | undefined;
  acl?: number | undefined;
  /** Of parts: the salts are theirs. */
  readonly multipart?: boolean;
}

export interface ModelVersion extends ModelObject {
  /** False: the null version. */
  readonly named: boolean;
  readonly marker: boolean;
  /** 0: it is the newest. */
  noncurrentSinceMs: number;
}

export type ModelVersioning = "never" | "enabled" | "suspended";

export interface ModelPart {
  readonly tagBytes?: number;
  readonly etag: string;
  readonly slices: readonly ModelSlice[];
}

export interface ModelUpload {
  readonly id: number;
  readonly key: string;
  readonly parts: Map<number, ModelPart>;
  wrap: ModelWrap | undefined;
}

export interface ModelBucket {
  readonly id: number;
  versioning: ModelVersioning;
  /** The newest first; without empty lists. */
  readonly keys: Map<string, ModelVersion[]>;
  readonly uploads: Map<number, ModelUpload>;
  /** Documents by kind. */
  readonly configurations: Map<number, string>;
  /** Of the lifecycle; 0: there is none. */
  rulesRevision: number;
  /** Waits for its uploads to be aborted, and goes. */
  closed: boolean;
}

export interface ModelConditions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
}

export interface ModelSource {
  readonly bucket: string;
  readonly key: string;
  readonly version: number;
}

export interface ModelExpiration {
  readonly kind: "current" | "noncurrent" | "marker" | "upload";
  readonly key: string;
  readonly version: number;
  readonly dueAtMs: number;
  readonly noncurrentSinceMs: number;
  readonly newer: number;
  /** It is told to have TAGGED. */
  readonly tagged: boolean;
}

export interface ModelRewrap {
  readonly kind: "version" | "upload";
  readonly key: string;
  /** Of the version or the upload. */
  readonly id: number;
  readonly expected: number;
  readonly next: ModelWrap;
}

export interface ModelChange {
  readonly key: string;
  readonly version: ModelTarget["version"];
  /** What the caller saw of the version; `tag` null: whatever it has. */
  readonly expected:
    | { readonly version: number; readonly acl: number | undefined; readonly tag: string | null | undefined }
    | undefined;
  readonly change:
    | { readonly kind: "tag"; readonly tag: string | undefined }
    | { readonly kind: "acl"; readonly acl: number | undefined }
    | { readonly kind: "hold" }
    | { readonly kind: "none" };
}

export interface ModelTarget {
  readonly key: string;
  /** Undefined: whatever is current. */
  readonly version: number | "null" | undefined;
}

/** Undefined also where the newest is a delete marker. */
export function currentOf(bucket: ModelBucket, key: string): ModelVersion | undefined {
  const newest = bucket.keys.get(key)?.[0];
  return newest?.marker === true ? undefined : newest;
}

export function sizeOf(manifest: {
  readonly slices: readonly ModelSlice[];
  readonly tagBytes?: number;
}): number {
  return manifest.slices.reduce((sum, slice) => sum + slice.length, 0) - (manifest.tagBytes ?? 0);
}

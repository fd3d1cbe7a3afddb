import { DAY_MS, expirationOf, type ObjectStore, readLifecycle, type Tag } from "../../../object/index.ts";
import { httpTime } from "../../render/document.ts";

/** What an answer about a current version knows of it. */
interface StoredVersion {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  readonly modifiedAtMs: number;
  readonly tags: readonly Tag[] | undefined;
}

const NO_HEADERS: readonly string[] = [];

/**
 * When the bucket's rules will remove a version that is current, as S3 says it: in days that end at midnight, also where a shortened day is set for
 * tests. The rules are those that this node has applied.
 */
export function expirationHeaders(store: ObjectStore, version: StoredVersion): readonly string[] {
  const configuration = store.localBucketConfiguration(version.bucket, "lifecycle");
  if (configuration === undefined) return NO_HEADERS;
  const due = expirationOf(readLifecycle(configuration), { ...version, tags: version.tags ?? [] }, DAY_MS);
  if (due === undefined) return NO_HEADERS;
  const ruleId = encodeURIComponent(due.rule.id);
  return ["x-amz-expiration", `expiry-date="${httpTime(due.atMs)}", rule-id="${ruleId}"`];
}

/** Draws which version of which key something is about. */

import { id } from "../commands.ts";
import type { Model } from "../model/model.ts";
import type { ModelSource, ModelTarget, ModelVersion } from "../model/rows.ts";
import { BUCKETS, type Draws, KEYS } from "./draws.ts";

/** A key as a whole, one of its versions, its null version, or a version that never was. */
export function drawTarget({ prng, model }: Draws, bucket: string): ModelTarget {
  const key = prng.pick(KEYS);
  const known = model.buckets.get(bucket)?.keys.get(key) ?? [];
  const kind = prng.pick(["whole", "version", "version", "null", "unknown"]);
  if (kind === "version" && known.length > 0) return { key, version: prng.pick(known).version };
  return { key, version: kind === "null" ? "null" : kind === "unknown" ? 999_999 : undefined };
}

/** Mostly a version of something, sometimes one that is not. */
export function drawSource({ prng, model }: Draws): ModelSource {
  const [bucket, key] = [prng.pick(BUCKETS), prng.pick(KEYS)];
  const versions = model.buckets.get(bucket)?.keys.get(key) ?? [];
  if (versions.length === 0 || prng.chance(0.1)) return { bucket, key, version: 999_999 };
  return { bucket, key, version: prng.pick(versions).version };
}

export function versionOf(model: Model, source: ModelSource): ModelVersion | undefined {
  const versions = model.buckets.get(source.bucket)?.keys.get(source.key) ?? [];
  return versions.find(({ version }) => version === source.version);
}

export function selectorOf(version: ModelTarget["version"]) {
  if (version === undefined) return {};
  if (version === "null") return { version: { version: { case: "nullVersion" as const, value: true } } };
  return { version: { version: { case: "versionId" as const, value: id(version) } } };
}

/** Draws what the lifecycle expires. */

import { create } from "@bufbuild/protobuf";
import { ExpirationTarget_Kind, ExpireObjectsSchema } from "../../../gen/skerry/meta/v1/commands_pb.js";
import { id } from "../commands.ts";
import { type ModelBucket, type ModelExpiration, TAGGED } from "../model/rows.ts";
import { tagsOf } from "./changes.ts";
import { BUCKETS, type DrawnCommand, type Draws, KEYS } from "./draws.ts";

const EXPIRATION_KINDS = {
  current: ExpirationTarget_Kind.CURRENT,
  noncurrent: ExpirationTarget_Kind.NONCURRENT,
  marker: ExpirationTarget_Kind.MARKER,
  upload: ExpirationTarget_Kind.UPLOAD,
} as const;

/** Mostly what is there, under the rules that are there, and due. */
export function expireObjects(draws: Draws): DrawnCommand {
  const { prng, model, nextId } = draws;
  const [bucket, markerId] = [prng.pick(BUCKETS), nextId()];
  const known = model.buckets.get(bucket);
  const rules = prng.chance(0.1) ? 999_999 : (known?.rulesRevision ?? 0);
  const targets = Array.from({ length: prng.between(1, 4) }, () => drawExpiration(draws, known));
  const value = create(ExpireObjectsSchema, {
    bucket,
    rulesRevision: BigInt(rules),
    markerId: id(markerId),
    targets: targets.map((target) => ({
      kind: EXPIRATION_KINDS[target.kind],
      key: target.key,
      versionId: id(target.version),
      dueAtMs: BigInt(target.dueAtMs),
      noncurrentSinceMs: BigInt(target.noncurrentSinceMs),
      newerNoncurrentVersions: target.newer,
      tags: tagsOf(target.tagged ? TAGGED : undefined),
    })),
  });
  return {
    body: { case: "expireObjects", value },
    expected: () => model.objects.expire(bucket, rules, targets, markerId),
  };
}

function drawExpiration({ prng, model }: Draws, bucket: ModelBucket | undefined): ModelExpiration {
  const [kind, key] = [
    prng.pick(["current", "noncurrent", "noncurrent", "marker", "upload"] as const),
    prng.pick(KEYS),
  ];
  const more = {
    dueAtMs: model.nowMs + (prng.chance(0.1) ? 1 : 0),
    newer: prng.pick([0, 0, 1, 2]),
    tagged: prng.chance(0.3),
  };
  if (kind === "upload") {
    const uploads = [...(bucket?.uploads.values() ?? [])];
    const upload = uploads.length === 0 ? { key, id: 999_999 } : prng.pick(uploads);
    return { kind, key: upload.key, version: upload.id, noncurrentSinceMs: 0, ...more };
  }
  const versions = bucket?.keys.get(key) ?? [];
  const version = versions.length === 0 ? undefined : prng.pick(versions);
  const since = (version?.noncurrentSinceMs ?? 0) + (prng.chance(0.1) ? 1 : 0);
  return { kind, key, version: version?.version ?? 999_999, noncurrentSinceMs: since, ...more };
}

/** Draws changes of what is said about versions: tags, grants, legal holds. */

import { create } from "@bufbuild/protobuf";
import type { Prng } from "../../../base/index.ts";
import { type ChangeObject, ChangeObjectSchema } from "../../../gen/skerry/meta/v1/commands_pb.js";
import { LegalHold } from "../../../gen/skerry/meta/v1/rows_pb.js";
import { id } from "../commands.ts";
import { type ModelChange, type ModelVersion, TAGGED } from "../model/rows.ts";
import { BUCKETS, type DrawnCommand, type Draws } from "./draws.ts";
import { drawTarget, selectorOf } from "./versions.ts";

export function tagsOf(tag: string | undefined) {
  return tag === undefined ? [] : [{ key: "k", value: tag }];
}

/** Mostly of a version that is there, and half of the time as it was seen. */
export function changeObject(draws: Draws): DrawnCommand {
  const { prng, model } = draws;
  const bucket = prng.pick(BUCKETS);
  const { key, version } = drawTarget(draws, bucket);
  const known = model.buckets.get(bucket)?.keys.get(key) ?? [];
  const expected = prng.chance(0.5) ? seen(prng, known) : undefined;
  const change: ModelChange["change"] = prng.pick([
    { kind: "tag", tag: TAGGED },
    { kind: "tag", tag: prng.pick([TAGGED, "other", undefined]) },
    { kind: "acl", acl: prng.pick([undefined, 1, 2]) },
    { kind: "acl", acl: prng.pick([undefined, 1, 2]) },
    { kind: "hold" },
    { kind: "none" },
  ]);
  const value = create(ChangeObjectSchema, {
    bucket,
    key,
    ...selectorOf(version),
    ...(expected && {
      expectedVersionId: id(expected.version),
      expectedAcl: aclOf(expected.acl),
      ...(expected.tag !== null && { expectedTags: { tags: tagsOf(expected.tag) } }),
    }),
    change: encoded(change),
  });
  return {
    body: { case: "changeObject", value },
    expected: () => model.objects.change(bucket, { key, version, expected, change }),
  };
}

/** As it is, or with something that is not. */
function seen(prng: Prng, known: readonly ModelVersion[]): ModelChange["expected"] {
  const version = known.length === 0 ? undefined : prng.pick(known);
  const tag = prng.chance(0.5) ? null : prng.chance(0.2) ? "another" : version?.tag;
  return { version: version?.version ?? 999_999, acl: prng.chance(0.2) ? 3 : version?.acl, tag };
}

function aclOf(acl: number | undefined): Uint8Array {
  return acl === undefined ? new Uint8Array(0) : Uint8Array.of(acl);
}

function encoded(change: ModelChange["change"]): ChangeObject["change"] {
  switch (change.kind) {
    case "tag": {
      const { value } = create(ChangeObjectSchema, {
        change: { case: "tags", value: { tags: tagsOf(change.tag) } },
      }).change as Extract<ChangeObject["change"], { case: "tags" }>;
      return { case: "tags", value };
    }
    case "acl":
      return { case: "acl", value: aclOf(change.acl) };
    case "hold":
      return { case: "legalHold", value: LegalHold.ON };
    case "none":
      return { case: undefined };
  }
}

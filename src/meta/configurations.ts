/**
 * The documents that say how a bucket behaves, one row for each kind. The state machine bounds them and knows which there are; what is in one is
 * the affair of those who write and read it.
 */

import { create } from "@bufbuild/protobuf";
import { type BucketConfiguration, type Refusal, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import { BucketConfigurationRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { bucketConfigurationKey } from "./keys.ts";
import { MAX_CONFIGURATION_BYTES, MAX_CONFIGURATION_KIND } from "./limits.ts";
import { refusal } from "./result.ts";

export function checkConfiguration(configuration: BucketConfiguration): Refusal | undefined {
  if (!isKind(configuration.kind)) return refusal(RefusalCode.INVALID, "the kind of the configuration");
  if (configuration.format === 0) return refusal(RefusalCode.INVALID, "a document has a format");
  if (configuration.document.length > MAX_CONFIGURATION_BYTES) {
    return refusal(RefusalCode.CONFIGURATION_TOO_LARGE, "");
  }
  return undefined;
}

/** For the oplog sequence in it, the change must be logged by the same command. */
export function writeConfiguration(
  state: ApplyState,
  bucketId: bigint,
  configuration: BucketConfiguration,
): void {
  const { kind, format, document } = configuration;
  state.write(
    bucketConfigurationKey(bucketId, kind),
    BucketConfigurationRowSchema,
    create(BucketConfigurationRowSchema, {
      bucketId,
      kind,
      format,
      document,
      modifiedAtMs: state.nowMs,
      revision: state.nextOplogSequence,
    }),
  );
}

export function hasKind(configuredKinds: bigint, kind: number): boolean {
  return isKind(kind) && (configuredKinds & bitOf(kind)) !== 0n;
}

export function withKind(configuredKinds: bigint, kind: number): bigint {
  return configuredKinds | bitOf(kind);
}

export function withoutKind(configuredKinds: bigint, kind: number): bigint {
  return configuredKinds & ~bitOf(kind);
}

/** The kinds whose bits are set, ascending. */
export function* kindsOf(configuredKinds: bigint): Generator<number> {
  for (let kind = 1; kind <= MAX_CONFIGURATION_KIND; kind++) {
    if ((configuredKinds & bitOf(kind)) !== 0n) yield kind;
  }
}

function isKind(kind: number): boolean {
  return kind >= 1 && kind <= MAX_CONFIGURATION_KIND;
}

function bitOf(kind: number): bigint {
  return 1n << BigInt(kind);
}

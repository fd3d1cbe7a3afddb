import { create } from "@bufbuild/protobuf";
import {
  type Preconditions as PreconditionsMessage,
  PreconditionsSchema,
} from "../gen/skerry/meta/v1/commands_pb.js";
import { ObjectError } from "./errors.ts";
import type { Preconditions } from "./ports.ts";

interface Validators {
  readonly etag: string;
  readonly modifiedAtMs: number;
}

/**
 * Decides a conditional read. Refuses "precondition-failed" and "not-modified" as RFC 9110, section 13.2.2 orders them: If-Match wins over
 * If-Unmodified-Since, If-None-Match over If-Modified-Since.
 */
export function checkReadPreconditions(
  validators: Validators,
  preconditions: Preconditions | undefined,
): void {
  if (preconditions === undefined) return;
  const { ifMatch, ifNoneMatch, ifModifiedSinceMs, ifUnmodifiedSinceMs } = preconditions;
  const modifiedSeconds = Math.floor(validators.modifiedAtMs / 1000);
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, validators.etag)) throw failed("If-Match");
  } else if (ifUnmodifiedSinceMs !== undefined && modifiedSeconds > Math.floor(ifUnmodifiedSinceMs / 1000)) {
    throw failed("If-Unmodified-Since");
  }
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, validators.etag)) throw notModified(validators, "If-None-Match");
  } else if (ifModifiedSinceMs !== undefined && modifiedSeconds <= Math.floor(ifModifiedSinceMs / 1000)) {
    throw notModified(validators, "If-Modified-Since");
  }
}

/** A copy source that does not meet its conditions is a failed precondition, never "not modified". */
export function checkSourcePreconditions(
  validators: Validators,
  preconditions: Preconditions | undefined,
): void {
  try {
    checkReadPreconditions(validators, preconditions);
  } catch (error) {
    if (error instanceof ObjectError && error.code === "not-modified")
      throw failed("the copy source's condition");
    throw error;
  }
}

function matches(etags: readonly string[], etag: string): boolean {
  return etags.some((candidate) => candidate === "*" || candidate === etag);
}

function failed(condition: string): ObjectError {
  return new ObjectError(
    "precondition-failed",
    "at least one of the preconditions that you gave did not hold",
    {
      details: { Condition: condition },
    },
  );
}

function notModified(validators: Validators, condition: string): ObjectError {
  return new ObjectError("not-modified", "the object has not changed", {
    details: { Condition: condition, ETag: validators.etag, LastModified: String(validators.modifiedAtMs) },
  });
}

/** The form in which a write's preconditions travel to the apply, where they are decided. */
export function preconditionsMessage(
  preconditions: Preconditions | undefined,
): PreconditionsMessage | undefined {
  if (preconditions === undefined) return undefined;
  return create(PreconditionsSchema, {
    ifMatch: [...(preconditions.ifMatch ?? [])],
    ifNoneMatch: [...(preconditions.ifNoneMatch ?? [])],
    ...(preconditions.ifUnmodifiedSinceMs !== undefined && {
      ifUnmodifiedSinceMs: BigInt(preconditions.ifUnmodifiedSinceMs),
    }),
    ...(preconditions.ifModifiedSinceMs !== undefined && {
      ifModifiedSinceMs: BigInt(preconditions.ifModifiedSinceMs),
    }),
    ...(preconditions.ifMatchModifiedMs !== undefined && {
      ifMatchModifiedMs: BigInt(preconditions.ifMatchModifiedMs),
    }),
    ...(preconditions.ifMatchSize !== undefined && { ifMatchSize: BigInt(preconditions.ifMatchSize) }),
  });
}

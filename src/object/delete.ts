import { create } from "@bufbuild/protobuf";
import { DeleteObjectsSchema, DeleteTargetSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import type { ObjectContext } from "./context.ts";
import { ObjectError } from "./errors.ts";
import { checkKey } from "./names.ts";
import type { DeleteOutcome, Preconditions } from "./ports.ts";
import { withPreconditions } from "./put.ts";
import { expectResult, refusalError } from "./refusals.ts";

/** Keys that one request may delete, as in S3. */
export const MAX_DELETE_TARGETS = 1000;

interface Target {
  readonly key: string;
  readonly preconditions?: Preconditions;
}

export async function deleteObject(
  context: ObjectContext,
  request: Target & { readonly bucket: string },
): Promise<void> {
  checkKey(request.key);
  const [refusal] = await remove(context, request.bucket, [request]);
  if (refusal !== undefined) throw refusal;
}

/** One entry in the log for all keys; each is decided on its own. */
export async function deleteObjects(
  context: ObjectContext,
  request: { readonly bucket: string; readonly targets: readonly Target[] },
): Promise<readonly DeleteOutcome[]> {
  if (request.targets.length > MAX_DELETE_TARGETS) {
    throw new ObjectError("too-many-targets", `one request deletes at most ${MAX_DELETE_TARGETS} keys`);
  }
  const invalid = request.targets.map((target) => keyFault(target.key));
  const valid = request.targets.filter((_, index) => invalid[index] === undefined);
  const refusals = valid.length === 0 ? [] : [...(await remove(context, request.bucket, valid))];
  return invalid.map((fault) => {
    const refusal = fault ?? refusals.shift();
    return refusal === undefined
      ? { kind: "deleted" }
      : { kind: "refused", code: refusal.code, message: refusal.message };
  });
}

function keyFault(key: string): ObjectError | undefined {
  try {
    checkKey(key);
    return undefined;
  } catch (error) {
    if (error instanceof ObjectError) return error;
    throw error;
  }
}

async function remove(
  context: ObjectContext,
  bucketName: string,
  targets: readonly Target[],
): Promise<readonly (ObjectError | undefined)[]> {
  const bucket = await context.knownBucket(bucketName);
  const result = await context.submit({
    case: "deleteObjects",
    value: create(DeleteObjectsSchema, {
      bucket: bucketName,
      bucketId: bucket.bucketId,
      targets: targets.map((target) =>
        create(DeleteTargetSchema, { key: target.key, ...withPreconditions(target.preconditions) }),
      ),
    }),
  });
  const { outcomes } = expectResult(result, "objectsDeleted");
  return outcomes.map((outcome) =>
    outcome.refusal === undefined ? undefined : refusalError(outcome.refusal),
  );
}

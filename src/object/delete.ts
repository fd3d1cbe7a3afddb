import { create } from "@bufbuild/protobuf";
import { DeleteObjectsSchema, DeleteTargetSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import type { ObjectContext } from "./context.ts";
import { ObjectError } from "./errors.ts";
import { checkKey } from "./names.ts";
import type { DeletedObject, DeleteOutcome, DeleteTarget } from "./ports.ts";
import { withPreconditions } from "./put.ts";
import { expectResult, refusalError } from "./refusals.ts";
import { formatVersionId, parseVersionId, selectorOf } from "./version-id.ts";

/** Keys that one request may delete, as in S3. */
export const MAX_DELETE_TARGETS = 1000;

export async function deleteObject(
  context: ObjectContext,
  request: DeleteTarget & { readonly bucket: string },
): Promise<DeletedObject> {
  checkKey(request.key);
  const [outcome] = await remove(context, request.bucket, [request]);
  if (outcome instanceof ObjectError) throw outcome;
  return outcome ?? { versionId: undefined, deleteMarker: false };
}

/** One entry in the log for all keys; each is decided on its own. */
export async function deleteObjects(
  context: ObjectContext,
  request: { readonly bucket: string; readonly targets: readonly DeleteTarget[] },
): Promise<readonly DeleteOutcome[]> {
  if (request.targets.length > MAX_DELETE_TARGETS) {
    throw new ObjectError("too-many-targets", `one request deletes at most ${MAX_DELETE_TARGETS} keys`);
  }
  const invalid = request.targets.map(faultOf);
  const valid = request.targets.filter((_, index) => invalid[index] === undefined);
  const outcomes = valid.length === 0 ? [] : [...(await remove(context, request.bucket, valid))];
  return invalid.map((fault) => {
    const outcome = fault ?? outcomes.shift();
    if (outcome instanceof ObjectError) {
      return { kind: "refused", code: outcome.code, message: outcome.message };
    }
    return { kind: "deleted", ...(outcome ?? { versionId: undefined, deleteMarker: false }) };
  });
}

function faultOf({ key, versionId }: DeleteTarget): ObjectError | undefined {
  try {
    checkKey(key);
    if (versionId !== undefined) parseVersionId(versionId);
    return undefined;
  } catch (error) {
    if (error instanceof ObjectError) return error;
    throw error;
  }
}

async function remove(
  context: ObjectContext,
  bucketName: string,
  targets: readonly DeleteTarget[],
): Promise<readonly (ObjectError | DeletedObject)[]> {
  const bucket = await context.knownBucket(bucketName);
  const result = await context.submit({
    case: "deleteObjects",
    value: create(DeleteObjectsSchema, {
      bucket: bucketName,
      bucketId: bucket.bucketId,
      targets: targets.map((target) =>
        create(DeleteTargetSchema, {
          key: target.key,
          ...selectorOf(target.versionId),
          ...withPreconditions(target.preconditions),
          bypassGovernance: target.bypassGovernance ?? false,
        }),
      ),
      markerId: context.options.newId(),
    }),
  });
  const { outcomes } = expectResult(result, "objectsDeleted");
  return outcomes.map((outcome, index) => {
    if (outcome.refusal !== undefined) return refusalError(outcome.refusal);
    const { versionId, deleteMarker } = outcome;
    if (versionId.length > 0) return { versionId: formatVersionId(outcome), deleteMarker };
    return { versionId: targets[index]?.versionId, deleteMarker };
  });
}

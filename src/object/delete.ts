import { create } from "@bufbuild/protobuf";
import { DeleteObjectsSchema, DeleteTargetSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { type BucketRow, VersioningState } from "../gen/skerry/meta/v1/rows_pb.js";
import type { StillView } from "../meta/index.ts";
import { type ObjectContext, translate } from "./context.ts";
import { ObjectError } from "./errors.ts";
import { checkKey } from "./names.ts";
import type { DeletedObject, DeleteOutcome, DeleteTarget } from "./ports.ts";
import { withPreconditions } from "./put.ts";
import { expectResult, refusalError } from "./refusals.ts";
import { inSteps, type Releasing } from "./released-references.ts";
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

/** Each key is decided on its own, in their order. Once some are decided, what keeps others from it is said of those alone. */
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
  const steps = inSteps(releasingTargets(context, bucket, targets), MAX_DELETE_TARGETS);
  const outcomes: (ObjectError | DeletedObject)[] = [];
  try {
    for await (const step of steps) outcomes.push(...(await removeAtOnce(context, bucket, step)));
  } catch (error) {
    const failure = translate(error);
    if (outcomes.length === 0 || !(failure instanceof ObjectError)) throw failure;
    // Those that were not tried will most likely meet the same.
    while (outcomes.length < targets.length) outcomes.push(failure);
  }
  return outcomes;
}

/** Targets that are looked up at once. */
const LOOKED_UP_AT_ONCE = 16;

/** What each of them lets go of, as it seems now: what is decided by another row than was looked at here is decided all the same. */
async function* releasingTargets(
  { view }: ObjectContext,
  bucket: BucketRow,
  targets: readonly DeleteTarget[],
): AsyncGenerator<Releasing<DeleteTarget>> {
  const [first] = targets;
  if (targets.length === 1 && first !== undefined) yield { item: first, references: 1 };
  else {
    for (let at = 0; at < targets.length; at += LOOKED_UP_AT_ONCE) {
      const some = targets.slice(at, at + LOOKED_UP_AT_ONCE);
      yield* await view.still((rows) =>
        Promise.resolve(some.map((item) => ({ item, references: referencesOf(rows, bucket, item) }))),
      );
    }
  }
}

/** Without a version in a versioned bucket nothing is let go of but a null version, but the row of the current one moves with its whole manifest. */
function referencesOf(rows: StillView, bucket: BucketRow, { key, versionId }: DeleteTarget): number {
  const { bucketId, versioning } = bucket;
  const named = versionId === undefined ? undefined : parseVersionId(versionId);
  const isNull = named === undefined && (versionId !== undefined || versioning === VersioningState.SUSPENDED);
  const id = isNull ? rows.keyVersions(bucketId, key)?.nullVersionId : named;
  const older = id === undefined || id.length === 0 ? 0 : rows.sliceCount(bucketId, key, id);
  if (versionId !== undefined && older > 0) return older;
  return older + rows.sliceCount(bucketId, key);
}

/** One entry in the log for all of them. */
async function removeAtOnce(
  context: ObjectContext,
  bucket: BucketRow,
  targets: readonly DeleteTarget[],
): Promise<readonly (ObjectError | DeletedObject)[]> {
  const result = await context.submit({
    case: "deleteObjects",
    value: create(DeleteObjectsSchema, {
      bucket: bucket.name,
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

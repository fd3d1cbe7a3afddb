import {
  type DeleteOutcome,
  OBJECT_ERROR_CODES,
  ObjectError,
  type Preconditions,
} from "../../object/index.ts";
import { openBody } from "../body/open-body.ts";
import { readWholeBody } from "../body/whole-body.ts";
import { S3Refusal } from "../errors.ts";
import { MAX_DELETE_TARGETS } from "../limits.ts";
import type { DeleteObjects } from "../operation.ts";
import { matchedEtag, matchedSize, matchedTime } from "../parse/preconditions.ts";
import { type DeletedKey, renderDeleted } from "../render/deleted.ts";
import { xmlResponse } from "../render/document.ts";
import { refusalOf } from "../render/error.ts";
import { childrenOf, malformed, readXml, textOf, type XmlElement } from "../xml/reader.ts";
import type { Call, Handlers } from "./call.ts";

interface Target {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly preconditions: Preconditions | undefined;
}

export const deleteObjectsHandlers: Handlers<"DeleteObjects"> = {
  DeleteObjects: async (operation, call) => {
    const body = openBody(call.request, call.headers, call.authenticated);
    const { targets, quiet } = readDelete(await readWholeBody(body, call.hasher));
    const refusals = await Promise.all(targets.map((target) => refusalOfTarget(operation, target, call)));
    const allowed = targets.filter((_, index) => refusals[index] === undefined);
    const outcomes = await call.store.deleteObjects({
      bucket: operation.bucket,
      targets: allowed.map(({ key, versionId, preconditions }) => ({
        key,
        versionId,
        bypassGovernance: operation.bypassGovernance,
        ...(preconditions && { preconditions }),
      })),
    });
    let next = 0;
    const deleted = targets.map((target, index): DeletedKey => {
      const { key, versionId } = target;
      const denied = refusals[index];
      if (denied !== undefined) return { key, versionId, refusal: denied, markerVersionId: undefined };
      const outcome = outcomes[next++];
      const isMarker = outcome?.kind === "deleted" && outcome.deleteMarker;
      const markerVersionId = isMarker ? outcome.versionId : undefined;
      return { key, versionId, refusal: refusalOfOutcome(outcome), markerVersionId };
    });
    return xmlResponse(renderDeleted(deleted, quiet));
  },
};

/** Each key is a deletion of its own to the gate. */
async function refusalOfTarget(
  { bucket, bypassGovernance }: DeleteObjects,
  { key, versionId }: Target,
  call: Call,
): Promise<S3Refusal | undefined> {
  const version = versionId === undefined ? {} : { versionId, action: "s3:DeleteObjectVersion" };
  if (!(await call.allows({ name: "DeleteObject", bucket, key, ...version }))) {
    return new S3Refusal("AccessDenied");
  }
  if (!bypassGovernance) return undefined;
  const mayBypass = await call.allows({ name: "BypassGovernanceRetention", bucket, key, versionId });
  return mayBypass ? undefined : new S3Refusal("AccessDenied");
}

function refusalOfOutcome(outcome: DeleteOutcome | undefined): S3Refusal | undefined {
  if (outcome === undefined) return new S3Refusal("InternalError");
  if (outcome.kind === "deleted") return undefined;
  const code = OBJECT_ERROR_CODES.find((known) => known === outcome.code);
  if (code === undefined) return new S3Refusal("InternalError");
  return refusalOf(new ObjectError(code, outcome.message));
}

function readDelete(bytes: Uint8Array): { readonly targets: readonly Target[]; readonly quiet: boolean } {
  const root = readXml(bytes, "Delete");
  const objects = childrenOf(root, ["Object", "Quiet"]).filter((child) => child.name === "Object");
  if (objects.length === 0) throw malformed("there is no Object in Delete");
  if (objects.length > MAX_DELETE_TARGETS)
    throw malformed(`Delete names more than ${MAX_DELETE_TARGETS} objects`);
  return { targets: objects.map(readTarget), quiet: textOf(root, "Quiet")?.trim().toLowerCase() === "true" };
}

function readTarget(element: XmlElement): Target {
  childrenOf(element, ["Key", "VersionId", "ETag", "LastModifiedTime", "Size"]);
  const key = textOf(element, "Key");
  if (key === undefined || key === "") throw malformed("an Object has no Key");
  const etag = textOf(element, "ETag");
  const size = textOf(element, "Size");
  const modified = textOf(element, "LastModifiedTime");
  const preconditions: Preconditions = {
    ...(etag !== undefined && { ifMatch: [matchedEtag(etag)] }),
    ...(size !== undefined && { ifMatchSize: matchedSize(size, "Size") }),
    ...(modified !== undefined && { ifMatchModifiedMs: matchedTime(modified, "LastModifiedTime") }),
  };
  return {
    key,
    versionId: textOf(element, "VersionId") || undefined,
    preconditions: Object.keys(preconditions).length === 0 ? undefined : preconditions,
  };
}

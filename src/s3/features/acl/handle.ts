import { type Acl, encodeAcl, isPrivateAcl } from "../../../access/index.ts";
import { aclDocument } from "../../../object/index.ts";
import { openOptionalBody } from "../../body/open-body.ts";
import { readWholeBody } from "../../body/whole-body.ts";
import { S3Refusal } from "../../errors.ts";
import type { Call, Handlers } from "../../handlers/call.ts";
import { changeSeen, judgedObject, type SeenObject } from "../../handlers/judged-change.ts";
import { NO_BODY } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import { versionHeaders } from "../../render/object-headers.ts";
import { readXml } from "../../xml/reader.ts";
import { ACL_ROOT, readAcl, renderAcl } from "./document.ts";
import { type AclOwners, checkAclAllowed, resolveAcl, resolveGrants } from "./grants.ts";
import type { AclRequest } from "./headers.ts";
import type { AclOperation } from "./operations.ts";

const KIND = "acl";

export const aclHandlers: Handlers<AclOperation["name"]> = {
  GetBucketAcl: async ({ bucket }, call) => {
    const { owner } = await call.store.headBucket(bucket);
    const access = call.store.bucketAccess(bucket);
    const acl = access?.ownership === "BucketOwnerEnforced" ? undefined : access?.acl;
    return xmlResponse(renderAcl(owner, acl, call.owners));
  },

  GetObjectAcl: async ({ bucket, key, versionId }, call) => {
    const object = await call.store.getObjectAcl({ bucket, key, versionId });
    const acl = call.store.bucketAccess(bucket)?.ownership === "BucketOwnerEnforced" ? undefined : object.acl;
    const owner = call.owners.ownerById(object.ownerId) ?? { id: object.ownerId, displayName: "" };
    return xmlResponse(renderAcl(owner, acl, call.owners), versionHeaders(object));
  },

  PutBucketAcl: async ({ bucket, acl: request }, call) => {
    const { owner } = await call.store.headBucket(bucket);
    const acl = (await readWanted(request, call))({ owner, bucketOwnerId: owner.id });
    checkAclAllowed(acl, call.store.bucketAccess(bucket));
    await call.store.putBucketConfiguration({ bucket, kind: KIND, configuration: aclDocument(acl) });
    return { status: 200, headers: [], body: NO_BODY };
  },

  PutObjectAcl: async ({ bucket, key, versionId, acl: request }, call) => {
    const address = { bucket, key, versionId };
    const look = () => judgedObject(address, call);
    const object = await look();
    const wanted = await readWanted(request, call);
    return await changeSeen(object, look, async (found) => {
      const acl = wantedAclOf(found, wanted, bucket, call);
      const { id, acl: grants } = found.seen;
      // Tags count only where the caller was judged by the object.
      const seen = call.admit === undefined ? { id, acl: grants } : found.seen;
      const changed = await call.store.putObjectAcl({ ...address, acl, seen });
      return { status: 200, headers: versionHeaders(changed), body: NO_BODY };
    });
  },
};

/** As it is stored, for the owner that this object has. */
function wantedAclOf(
  object: SeenObject,
  wanted: WantedAcl,
  bucket: string,
  call: Call,
): Uint8Array | undefined {
  const access = call.store.bucketAccess(bucket);
  const owner = call.owners.ownerById(object.ownerId) ?? { id: object.ownerId, displayName: "" };
  const acl = wanted({ owner, bucketOwnerId: access?.ownerId ?? owner.id });
  checkAclAllowed(acl, access);
  return isPrivateAcl(acl, owner.id) ? undefined : encodeAcl(acl);
}

type WantedAcl = (owners: AclOwners) => Acl;

/** From the headers, or else from the body; not both. */
async function readWanted(request: AclRequest | undefined, call: Call): Promise<WantedAcl> {
  const body = await readWholeBody(
    openOptionalBody(call.request, call.headers, call.authenticated),
    call.hasher,
  );
  if (request !== undefined) {
    if (body.length > 0) throw new S3Refusal("UnexpectedContent");
    return (owners) => resolveAcl(request, owners, call.owners);
  }
  if (body.length === 0) throw new S3Refusal("MissingSecurityHeader");
  const document = readAcl(readXml(body, ACL_ROOT));
  return ({ owner }) => {
    // The list of somebody else's bucket or object was meant for that one.
    if (document.ownerId !== undefined && document.ownerId !== owner.id) throw new S3Refusal("AccessDenied");
    return resolveGrants(document.grants, owner, call.owners);
  };
}

import type { Acl, Owner } from "../../../access/index.ts";
import { aclDocument } from "../../../object/index.ts";
import { readDocument } from "../../body/document.ts";
import { S3Refusal } from "../../errors.ts";
import type { Call, Handlers } from "../../handlers/call.ts";
import { NO_BODY } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import { versionHeaders } from "../../render/object-headers.ts";
import { ACL_ROOT, readAcl, renderAcl } from "./document.ts";
import { checkAclAllowed, resolveAcl, resolveGrants } from "./grants.ts";
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
    const acl = await wantedAcl(request, owner, call);
    checkAclAllowed(acl, call.store.bucketAccess(bucket));
    await call.store.putBucketConfiguration({ bucket, kind: KIND, configuration: aclDocument(acl) });
    return { status: 200, headers: [], body: NO_BODY };
  },
};

/** From the headers, or else from the body; not both. */
async function wantedAcl(request: AclRequest | undefined, owner: Owner, call: Call): Promise<Acl> {
  if (request !== undefined) return resolveAcl(request, { owner, bucketOwnerId: owner.id }, call.owners);
  const document = readAcl(await readDocument(call, ACL_ROOT));
  // The list of somebody else's bucket was meant for that one.
  if (document.ownerId !== undefined && document.ownerId !== owner.id) throw new S3Refusal("AccessDenied");
  return resolveGrants(document.grants, owner, call.owners);
}

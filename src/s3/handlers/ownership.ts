import { type ObjectOwnerAndAcl, ownerAndAclOf } from "../features/acl/grants.ts";
import type { AclRequest } from "../features/acl/headers.ts";
import type { Call } from "./call.ts";

/** Whose an object is that this call writes, and who else may use it. */
export function ownershipOf(
  operation: { readonly bucket: string; readonly acl: AclRequest | undefined },
  call: Call,
): ObjectOwnerAndAcl {
  const { principal } = call.authenticated;
  const access = call.store.bucketAccess(operation.bucket);
  // What nobody in particular writes is the bucket owner's: somebody must be able to read it and to take it away.
  const isNobody = principal.identity?.caller.kind === "anonymous";
  const owner =
    isNobody && access !== undefined
      ? (call.owners.ownerById(access.ownerId) ?? { id: access.ownerId, displayName: "" })
      : principal.owner;
  return ownerAndAclOf(operation.acl, owner, access, call.owners);
}

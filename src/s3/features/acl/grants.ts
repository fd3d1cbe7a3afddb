/** From names of grantees to an access control list, and what a bucket allows of that. */

import {
  type Acl,
  type BucketAccess,
  cannedAcl,
  encodeAcl,
  GRANTEE_GROUPS,
  type Grant,
  type Grantee,
  isPrivateAcl,
  isPublicAcl,
  MAX_GRANTS,
  type Owner,
} from "../../../access/index.ts";
import { invalidArgument, S3Refusal } from "../../errors.ts";
import type { OwnerDirectory } from "../../ports.ts";
import type { AclRequest, NamedGrant } from "./headers.ts";

const GROUP_URIS: ReadonlyMap<string, (typeof GRANTEE_GROUPS)[number]> = new Map(
  GRANTEE_GROUPS.map((group) => [groupUri(group), group]),
);

export function groupUri(group: (typeof GRANTEE_GROUPS)[number]): string {
  const path = group === "LogDelivery" ? "s3/LogDelivery" : `global/${group}`;
  return `http://acs.amazonaws.com/groups/${path}`;
}

export interface AclOwners {
  readonly owner: Owner;
  readonly bucketOwnerId: string;
}

/** Refuses grantees that nobody is, and more grants than a list may have. */
export function resolveAcl(
  request: AclRequest,
  { owner, bucketOwnerId }: AclOwners,
  directory: OwnerDirectory,
): Acl {
  if (request.kind === "canned") return cannedAcl(request.name, owner.id, bucketOwnerId);
  return resolveGrants(request.grants, owner, directory);
}

export function resolveGrants(grants: readonly NamedGrant[], owner: Owner, directory: OwnerDirectory): Acl {
  if (grants.length > MAX_GRANTS) {
    throw new S3Refusal("InvalidRequest", `An access control list has at most ${MAX_GRANTS} grants.`);
  }
  return grants.map(
    ({ grantee, permission }): Grant => ({ grantee: resolve(grantee, owner, directory), permission }),
  );
}

function resolve(grantee: NamedGrant["grantee"], owner: Owner, directory: OwnerDirectory): Grantee {
  if (grantee.kind === "group") {
    const group = GROUP_URIS.get(grantee.uri);
    if (group === undefined) throw invalidArgument("Invalid group uri", "uri", grantee.uri);
    return { kind: "group", group };
  }
  const { name } = grantee;
  if (grantee.kind === "id") {
    if (name !== owner.id && directory.ownerById(name) === undefined) {
      throw invalidArgument("Invalid id", "CanonicalUser/ID", name);
    }
    return { kind: "owner", id: name };
  }
  const found = directory.ownerByEmail(name);
  if (found === undefined)
    throw new S3Refusal("UnresolvableGrantByEmailAddress", undefined, { EmailAddress: name });
  return { kind: "owner", id: found.id };
}

/** Refuses a list where there are none, and one for the public where that is blocked. */
export function checkAclAllowed(acl: Acl, access: BucketAccess | undefined): void {
  if (access?.ownership === "BucketOwnerEnforced") throw new S3Refusal("AccessControlListNotSupported");
  if (access?.publicAccessBlock.blockPublicAcls === true && isPublicAcl(acl)) {
    throw new S3Refusal("AccessDenied", "Public ACLs are prevented by the BlockPublicAcls setting.");
  }
}

/** Whose a new object is, and its list; an undefined list is the owner's alone. */
export interface ObjectOwnerAndAcl {
  readonly owner: Owner;
  readonly acl: Uint8Array | undefined;
}

/** What becomes of what a writer wants, by the ownership controls of the bucket. */
export function ownerAndAclOf(
  request: AclRequest | undefined,
  writer: Owner,
  access: BucketAccess | undefined,
  directory: OwnerDirectory,
): ObjectOwnerAndAcl {
  // What the handler finds out about a bucket that is gone is its answer.
  if (access === undefined) return { owner: writer, acl: undefined };
  const isForBucketOwner = request?.kind === "canned" && request.name === "bucket-owner-full-control";
  const bucketOwner = directory.ownerById(access.ownerId) ?? { id: access.ownerId, displayName: "" };
  if (access.ownership === "BucketOwnerEnforced") {
    if (request !== undefined && !isForBucketOwner) throw new S3Refusal("AccessControlListNotSupported");
    return { owner: access.ownerId === writer.id ? writer : bucketOwner, acl: undefined };
  }
  const owner =
    access.ownership === "BucketOwnerPreferred" && isForBucketOwner && access.ownerId !== writer.id
      ? bucketOwner
      : writer;
  if (request === undefined) return { owner, acl: undefined };
  const acl = resolveAcl(request, { owner, bucketOwnerId: access.ownerId }, directory);
  checkAclAllowed(acl, access);
  return { owner, acl: isPrivateAcl(acl, owner.id) ? undefined : encodeAcl(acl) };
}

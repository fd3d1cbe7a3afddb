/** Who may do what to a bucket and to what is in it: owning, policies, grants and the blocks against the public, put together. */

import { aclPermits, BUCKET_PERMISSIONS, OBJECT_PERMISSIONS } from "./acl.ts";
import type { BucketAccess, ObjectAccess } from "./bucket-access.ts";
import type { Operation } from "./operations.ts";
import { accountIdOf } from "./owner.ts";
import {
  evaluateBounded,
  evaluatePolicies,
  evaluatePolicy,
  type PolicyRequest,
  type PolicyVerdict,
} from "./policy/evaluate.ts";
import type { Caller } from "./policy/principals.ts";
import { isPublicPolicy } from "./policy/public-policy.ts";
import { hasRole } from "./roles.ts";
import { type Decision, type Denial, deny, type OperationRequest, type Principal } from "./types.ts";

export interface BucketCase {
  readonly operation: Operation;
  readonly principal: Principal | undefined;
  readonly request: OperationRequest;
  readonly bucket: string;
  /** Undefined: there is no such bucket here. */
  readonly access: BucketAccess | undefined;
}

type Settled = { readonly kind: "allow" } | Denial;

const ALLOW: Settled = { kind: "allow" };
const NOBODY: Caller = { kind: "anonymous" };
/** Whoever owns a bucket can always take away a policy that shuts everybody out. */
const POLICY_ACTIONS: ReadonlySet<string> = new Set([
  "s3:GetBucketPolicy",
  "s3:PutBucketPolicy",
  "s3:DeleteBucketPolicy",
]);

export function decideOnBucket(asked: BucketCase): Decision {
  const { principal, access } = asked;
  const isOperator = principal !== undefined && principal.role !== "user";
  if (access === undefined) return isOperator ? ALLOW : deny("bucket-unknown");
  // The usual case of an operator's key on a bucket without a policy costs nothing.
  if (isOperator && access.policy === undefined) return ALLOW;
  const judge = new Judge(asked, access, isOperator);
  if (!judge.needsObject) return judge.settle(undefined);
  const early = judge.settle(undefined);
  return { kind: "depends-on-object", unless: early, decide: (object) => judge.decideFor(object) };
}

class Judge {
  readonly #asked: BucketCase;
  readonly #access: BucketAccess;
  readonly #isOperator: boolean;
  readonly #caller: Caller;
  readonly #action: string;

  constructor(asked: BucketCase, access: BucketAccess, isOperator: boolean) {
    this.#asked = asked;
    this.#access = access;
    this.#isOperator = isOperator;
    this.#caller = callerOf(asked.principal);
    this.#action = asked.request.action ?? asked.operation.policyAction ?? asked.operation.action;
  }

  /** Reading an object and its list depends on what is there; so does everything that a policy ties to tags. */
  get needsObject(): boolean {
    if (this.#asked.operation.resource !== "object") return false;
    if (this.#access.policy?.asksForObject === true) return true;
    const { identity } = this.#asked.principal ?? {};
    if (identity?.policies?.some(({ asksForObject }) => asksForObject)) return true;
    if (identity?.sessionPolicies?.some(({ asksForObject }) => asksForObject)) return true;
    if (identity?.boundary?.asksForObject === true) return true;
    return !this.#isOperator && OBJECT_PERMISSIONS.has(this.#action) && !this.#isPlainOwner;
  }

  /** The account that owns the bucket, where all objects are the bucket owner's: nothing about one object changes what it may do. */
  get #isPlainOwner(): boolean {
    const hasPolicies =
      this.#access.policy !== undefined || this.#asked.principal?.identity?.policies !== undefined;
    return this.#isOwn && !hasPolicies && this.#access.ownership === "BucketOwnerEnforced";
  }

  get #isOwn(): boolean {
    return (
      this.#isOperator || ("canonicalId" in this.#caller && this.#caller.canonicalId === this.#access.ownerId)
    );
  }

  /** Whoever reads what is not there learns that only with the right to list the bucket. */
  decideFor(object: ObjectAccess | undefined): Settled {
    const settled = this.settle(object);
    if (object !== undefined || this.#asked.operation.leastRole !== "reader") return settled;
    if (settled.kind === "deny" && settled.reason === "denied") return settled;
    return this.#mayList() ? ALLOW : deny("policy");
  }

  settle(object: ObjectAccess | undefined): Settled {
    const bucketVerdict = this.#bucketVerdict(this.#action, object);
    const identityVerdict = this.#identityVerdict(this.#action, object);
    if (bucketVerdict === "deny" || identityVerdict === "deny") {
      return this.#isPolicyRescue ? ALLOW : deny("denied");
    }
    if (this.#isSessionLimited(this.#action, object)) return deny("policy");
    return this.#isAllowed(bucketVerdict, identityVerdict, object) ? ALLOW : deny("policy");
  }

  #isAllowed(
    bucketVerdict: PolicyVerdict,
    identityVerdict: PolicyVerdict,
    object: ObjectAccess | undefined,
  ): boolean {
    const isNobody = this.#caller.kind === "anonymous";
    const isSelfAllowed = identityVerdict === "allow" || isNobody;
    if (this.#isOwn && identityVerdict === "allow" && this.#ownsObject(object)) return true;
    if (bucketVerdict === "allow" && (this.#isOwn || isSelfAllowed)) return true;
    if (bucketVerdict === "allow-account" && identityVerdict === "allow") return true;
    return isSelfAllowed && this.#isGranted(object);
  }

  /** Where objects can be somebody else's, the bucket's owner may read only its own and those that it is granted. */
  #ownsObject(object: ObjectAccess | undefined): boolean {
    if (this.#isOperator || object === undefined) return true;
    if (this.#access.ownership === "BucketOwnerEnforced") return true;
    return !OBJECT_PERMISSIONS.has(this.#action) || object.ownerId === this.#access.ownerId;
  }

  #isGranted(object: ObjectAccess | undefined): boolean {
    const { acl, ownership, ownerId, publicAccessBlock } = this.#access;
    if (ownership === "BucketOwnerEnforced") return false;
    const ignorePublic = publicAccessBlock.ignorePublicAcls;
    const onBucket = BUCKET_PERMISSIONS.get(this.#action);
    if (onBucket !== undefined && acl !== undefined && aclPermits(acl, this.#caller, onBucket, ignorePublic))
      return true;
    const onObject = OBJECT_PERMISSIONS.get(this.#action);
    if (onObject === undefined || object === undefined) return false;
    const isOwner = "canonicalId" in this.#caller && this.#caller.canonicalId === object.ownerId;
    // The owner of an object may always see and change its list; the rest is in the list, which without a word grants it everything.
    if (isOwner && (object.acl === undefined || onObject !== "READ")) return true;
    const isBucketOwner = "canonicalId" in this.#caller && this.#caller.canonicalId === ownerId;
    const granted = object.acl !== undefined && aclPermits(object.acl, this.#caller, onObject, ignorePublic);
    return granted || (isBucketOwner && object.acl === undefined && object.ownerId === ownerId);
  }

  #mayList(): boolean {
    const bucketVerdict = this.#bucketVerdict("s3:ListBucket", undefined);
    const identityVerdict = this.#identityVerdict("s3:ListBucket", undefined);
    if (bucketVerdict === "deny" || identityVerdict === "deny") return false;
    if (this.#isSessionLimited("s3:ListBucket", undefined)) return false;
    const isSelfAllowed = identityVerdict === "allow" || this.#caller.kind === "anonymous";
    if (this.#isOwn && identityVerdict === "allow") return true;
    if (bucketVerdict === "allow" && (this.#isOwn || isSelfAllowed)) return true;
    if (bucketVerdict === "allow-account" && identityVerdict === "allow") return true;
    const { acl, ownership, publicAccessBlock } = this.#access;
    if (acl === undefined || ownership === "BucketOwnerEnforced" || !isSelfAllowed) return false;
    return aclPermits(acl, this.#caller, "READ", publicAccessBlock.ignorePublicAcls);
  }

  #bucketVerdict(action: string, object: ObjectAccess | undefined): PolicyVerdict {
    const { policy, publicAccessBlock } = this.#access;
    if (policy === undefined) return "silent";
    const verdict = evaluatePolicy(policy, this.#policyRequest(action, object));
    const isRestricted = publicAccessBlock.restrictPublicBuckets && !this.#isOwn && isPublicPolicy(policy);
    return isRestricted && verdict !== "deny" ? "silent" : verdict;
  }

  #identityVerdict(action: string, object: ObjectAccess | undefined): PolicyVerdict {
    const { principal } = this.#asked;
    if (principal === undefined) return "silent";
    // The role was checked before; here it stands for what the key was given.
    if (this.#isOperator)
      return hasRole(principal.role, this.#asked.operation.leastRole) ? "allow" : "silent";
    const policies = principal.identity?.policies;
    if (policies === undefined) return "allow";
    return evaluateBounded(policies, principal.identity?.boundary, this.#policyRequest(action, object));
  }

  /** A role's boundary limits its sessions also where a bucket's policy lets the role in; a user's does not, as in AWS. */
  #isSessionLimited(action: string, object: ObjectAccess | undefined): boolean {
    const { sessionPolicies, boundary } = this.#asked.principal?.identity ?? {};
    const limits = sessionPolicies === undefined ? [] : [sessionPolicies];
    if (boundary !== undefined && this.#caller.kind === "role-session") limits.push([boundary]);
    return limits.some(
      (policies) => evaluatePolicies(policies, this.#policyRequest(action, object)) !== "allow",
    );
  }

  get #isPolicyRescue(): boolean {
    if (!POLICY_ACTIONS.has(this.#action)) return false;
    const { principal } = this.#asked;
    return principal?.role === "admin" || (this.#isOwn && this.#caller.kind === "account");
  }

  #policyRequest(action: string, object: ObjectAccess | undefined): PolicyRequest {
    const { bucket, request, operation, principal } = this.#asked;
    const isObject = operation.resource === "object" && action === this.#action;
    const arn = `arn:aws:s3:::${bucket}`;
    const ofIdentity = principal?.identity?.context;
    const account = (): readonly string[] => [accountIdOf(this.#access.ownerId)];
    return {
      caller: this.#caller,
      action,
      resource: isObject ? `${arn}/${request.key ?? ""}` : arn,
      context: {
        values: (key) => {
          if (key === "aws:resourceaccount" || key === "s3:resourceaccount") return account();
          if (key.startsWith(EXISTING_TAG)) return tagOf(object, key.slice(EXISTING_TAG.length));
          // Asked in the name of a key that is not there: as a list with that key as its prefix.
          if (key === "s3:prefix" && action !== this.#action) return [request.key ?? ""];
          return ofIdentity?.get(key) ?? request.context?.values(key);
        },
      },
    };
  }
}

const EXISTING_TAG = "s3:existingobjecttag/";

function tagOf(object: ObjectAccess | undefined, key: string): readonly string[] | undefined {
  const tag = object?.tags.find((one) => one.key === key);
  return tag && [tag.value];
}

/** Keys without an identity of their own speak for their owner's account. */
export function callerOf(principal: Principal | undefined): Caller {
  if (principal === undefined) return NOBODY;
  if (principal.identity !== undefined) return principal.identity.caller;
  const canonicalId = principal.owner.id;
  const accountId = accountIdOf(canonicalId);
  const arn = `arn:aws:iam::${accountId}:root`;
  return { kind: "account", accountId, canonicalId, arn, roleArn: undefined, uniqueId: accountId };
}

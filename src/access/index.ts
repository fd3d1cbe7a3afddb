/**
 * Who may do what. Everything here is a function of its arguments: no clock, no I/O, and chance only where keys are minted.
 *
 * One request becomes one `OperationRequest`; the gate decides it from the principal and the operation's row, and from nothing else:
 *
 *   credential ── authenticate ──> Principal ──┐
 *                  (bearer.ts; SigV4 in s3)    ├── gate.authorize ──> Decision
 *   request ───── parse in the surface ──> OperationRequest
 *
 * - `operations`: the row type. Each surface has a table of its own rows; `createGate` joins them. No row, no access.
 * - `gate`, `roles`: role order reader < writer < admin, bucket allow-lists, fail closed.
 * - `keys`, `owner`, `bearer`: minting, parsing and checking keys; what a stored key says about its caller.
 * - `seal`, `crypto`: secrets at rest. `crypto` is the one file with node:crypto in it.
 * - `data-key`: encryption of object bytes: data keys, their wrapping, and the frames of a body.
 * - `session`: credentials for a while, which are all in their token.
 * - `limits`, `replay`: token buckets, requests under way, failed authentications, requests that come again; all threads of a node count together.
 * - `trusted-proxies`: who is behind a proxy.
 *
 * Invariants: a denied request reaches no engine; a key that is limited to some buckets gets at nothing of the whole cluster; a secret is
 * sealed to its row; an empty allow-list never comes from a grant (in a row it means every bucket).
 */

export {
  type Acl,
  CANNED_ACLS,
  type CannedAcl,
  cannedAcl,
  decodeAcl,
  encodeAcl,
  GRANTEE_GROUPS,
  type Grant,
  type Grantee,
  isPrivateAcl,
  isPublicAcl,
  MAX_GRANTS,
  PERMISSIONS,
  type Permission,
} from "./acl.ts";
export { type Authentication, authenticateBearer } from "./bearer.ts";
export {
  type BucketAccess,
  NO_PUBLIC_ACCESS_BLOCK,
  OBJECT_OWNERSHIPS,
  type ObjectAccess,
  type ObjectOwnership,
  type PublicAccessBlock,
} from "./bucket-access.ts";
export { deriveKey } from "./crypto.ts";
export { DATA_KEY_BYTES, FrameCipher, unwrapDataKey, wrapDataKey } from "./data-key.ts";
export { AccessError, type AccessErrorCode } from "./errors.ts";
export { createGate, type Gate, type GateOptions, mayTouchBucket } from "./gate.ts";
export { widerThan } from "./key-reach.ts";
export {
  type ApiKeyHasher,
  createApiKeyHasher,
  type KeyGrant,
  type MintedKey,
  mintApiKey,
  mintS3Key,
  openS3Secret,
  principalOf,
  randomBase32,
  rotateApiKey,
  storeApiKey,
  storeS3Key,
} from "./keys.ts";
export {
  type CallerRateDecision,
  FailedAuthenticationLimiter,
  type FailedAuthenticationMemory,
  InflightLimiter,
  type RateDecision,
  type RateLimit,
  RateLimiter,
  rateName,
  sourceName,
} from "./limits.ts";
export { namespacesWithin, organizationsOf, projectOf } from "./namespaces.ts";
export type { Operation, ResourceKind } from "./operations.ts";
export { accountIdOf, ownerNamed } from "./owner.ts";
export { conditionKeyName, type PolicyContext } from "./policy/context.ts";
export { evaluatePolicy, type PolicyVerdict } from "./policy/evaluate.ts";
export { kmsKeyId } from "./policy/kms-key.ts";
export { fromNativePolicy, isNativePolicy } from "./policy/native-policy.ts";
export { parsePolicy } from "./policy/parse-policy.ts";
export { MAX_POLICY_BYTES, type Policy } from "./policy/policy.ts";
export type { Caller } from "./policy/principals.ts";
export { isPublicPolicy } from "./policy/public-policy.ts";
export { readStrictJson } from "./policy/strict-json.ts";
export { KEY_KIND, KEY_ROLE, type KeyDirectory, type RandomBytes, type StoredKey } from "./ports.ts";
export { isAddressIn, isPublicAddress } from "./public-address.ts";
export { ReplayCache } from "./replay.ts";
export { ROLES } from "./roles.ts";
export { createSealer, SEAL_OVERHEAD_BYTES, type Sealer, type SealerOptions } from "./seal.ts";
export {
  type MintedSession,
  mintSession,
  openSession,
  type SessionClaims,
  type SessionSubject,
} from "./session.ts";
export { type ClientOrigin, isAddressBlock, TrustedProxies } from "./trusted-proxies.ts";
export type {
  Decision,
  Denial,
  Identity,
  OperationRequest,
  Owner,
  Principal,
  Role,
  RoleAccess,
} from "./types.ts";
export {
  type IssuerKey,
  readIssuerKeys,
  readWebToken,
  verifyWebToken,
  type WebIdentity,
  type WebTokenVerdict,
} from "./web-token.ts";

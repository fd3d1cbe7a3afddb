import {
  accountIdOf,
  type BucketAccess,
  conditionKeyName,
  evaluatePolicy,
  type PolicyVerdict,
} from "../../../access/index.ts";
import type { LogSource } from "./document.ts";

const SERVICE = "logging.s3.amazonaws.com";

/**
 * Whether the log of `source` may be put under a key of the target: by the target's policy, which names the service of S3's logs, or by a grant to the
 * group LogDelivery. Nobody's own rights count.
 */
export function mayDeliver(
  target: BucketAccess & { readonly bucket: string },
  source: LogSource,
  key: string,
): boolean {
  // Some know their users by account number, some by canonical id: what either of them may, may be done.
  const verdicts = [accountIdOf(source.ownerId), source.ownerId].map((account) =>
    verdictOf(target, { bucket: source.bucket, account }, key),
  );
  if (verdicts.includes("allow")) return true;
  return !verdicts.includes("deny") && isGranted(target);
}

function verdictOf(
  { policy, bucket }: BucketAccess & { readonly bucket: string },
  source: { readonly bucket: string; readonly account: string },
  key: string,
): PolicyVerdict {
  if (policy === undefined) return "silent";
  const values: ReadonlyMap<string, readonly string[]> = new Map([
    ["aws:sourcearn", [`arn:aws:s3:::${source.bucket}`]],
    ["aws:sourceaccount", [source.account]],
    ["aws:securetransport", ["true"]],
  ]);
  return evaluatePolicy(policy, {
    caller: { kind: "service", service: SERVICE },
    action: "s3:PutObject",
    resource: `arn:aws:s3:::${bucket}/${key}`,
    context: { values: (name) => values.get(conditionKeyName(name)) },
  });
}

function isGranted({ acl, ownership }: BucketAccess): boolean {
  if (acl === undefined || ownership === "BucketOwnerEnforced") return false;
  return acl.some(
    ({ grantee, permission }) =>
      grantee.kind === "group" &&
      grantee.group === "LogDelivery" &&
      (permission === "WRITE" || permission === "FULL_CONTROL"),
  );
}

/**
 * The condition keys that are understood: those that requests have here, and those that no request here can have (there is no VPC, no
 * organization), which is what they mean then. A policy with any other key is refused when it is stored: under an operator such as
 * StringNotEquals a key that nobody sets would let everything through.
 */

const KEYS: ReadonlySet<string> = new Set([
  "aws:currenttime",
  "aws:epochtime",
  "aws:federatedprovider",
  "aws:multifactorauthage",
  "aws:multifactorauthpresent",
  "aws:principalaccount",
  "aws:principalarn",
  "aws:principalisawsservice",
  "aws:principalorgid",
  "aws:principalorgpaths",
  "aws:principalservicename",
  "aws:principalservicenameslist",
  "aws:principaltype",
  "aws:referer",
  "aws:requestedregion",
  "aws:resourceaccount",
  "aws:resourceorgid",
  "aws:securetransport",
  "aws:sourceaccount",
  "aws:sourcearn",
  "aws:sourceidentity",
  "aws:sourceip",
  "aws:sourceorgid",
  "aws:sourcevpc",
  "aws:sourcevpce",
  "aws:tokenissuetime",
  "aws:useragent",
  "aws:userid",
  "aws:username",
  "aws:viaawsservice",
  "aws:vpcsourceip",
  "iam:permissionsboundary",
  "s3:authtype",
  "s3:dataaccesspointaccount",
  "s3:dataaccesspointarn",
  "s3:delimiter",
  "s3:if-match",
  "s3:if-none-match",
  "s3:max-keys",
  "s3:object-lock-legal-hold",
  "s3:object-lock-mode",
  "s3:object-lock-remaining-retention-days",
  "s3:object-lock-retain-until-date",
  "s3:prefix",
  "s3:requestobjecttagkeys",
  "s3:resourceaccount",
  "s3:signatureage",
  "s3:signatureversion",
  "s3:versionid",
  "s3:x-amz-acl",
  "s3:x-amz-content-sha256",
  "s3:x-amz-copy-source",
  "s3:x-amz-grant-full-control",
  "s3:x-amz-grant-read",
  "s3:x-amz-grant-read-acp",
  "s3:x-amz-grant-write",
  "s3:x-amz-grant-write-acp",
  "s3:x-amz-metadata-directive",
  "s3:x-amz-object-ownership",
  "s3:x-amz-server-side-encryption",
  "s3:x-amz-server-side-encryption-aws-kms-key-id",
  "s3:x-amz-server-side-encryption-customer-algorithm",
  "s3:x-amz-storage-class",
  "s3:x-amz-website-redirect-location",
  "sts:externalid",
  "sts:rolesessionname",
  "sts:sourceidentity",
]);

const EXISTING_TAG = "s3:existingobjecttag/";
/** Keys that go on with the key of a tag. */
const TAGGED: readonly string[] = [EXISTING_TAG, "s3:requestobjecttag/", "aws:principaltag/"];

/** `key` as `conditionKeyName` spells it. `federated`: keys of a token's issuer ("accounts.example.com/realm:sub") are known too. */
export function isKnownConditionKey(key: string, federated: boolean): boolean {
  if (KEYS.has(key)) return true;
  if (TAGGED.some((prefix) => key.startsWith(prefix) && key.length > prefix.length)) return true;
  return federated && /^[a-z0-9.-]+(:\d+)?(\/[^\s:]*)*:(aud|sub|azp|app_id|amr)$/.test(key.toLowerCase());
}

/** Whether its value is known only once the object has been read. */
export function isObjectConditionKey(key: string): boolean {
  return key.startsWith(EXISTING_TAG);
}

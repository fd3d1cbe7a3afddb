import { fromBase64, toBase64 } from "../../base/index.ts";
import { findCredential } from "../auth/authenticate.ts";
import { equalSignatures, hmacSha1 } from "../auth/hmac.ts";
import { parseAmzDate } from "../auth/signature-claim.ts";
import type { SigningKeys } from "../auth/signing-keys.ts";
import { invalidArgument, S3Refusal } from "../errors.ts";
import type { Credential, CredentialSource } from "../ports.ts";

export interface FormAuthentication {
  readonly credentials: CredentialSource;
  readonly signingKeys: SigningKeys;
  readonly nowMs: number;
}

/**
 * Who signed a form's policy; undefined: nobody, the form is anonymous. Signature version 4, or the older one (HMAC-SHA-1 of the policy), which
 * forms in the field still carry and which covers the whole policy as well.
 */
export async function authenticateForm(
  fields: ReadonlyMap<string, string>,
  authentication: FormAuthentication,
): Promise<Credential | undefined> {
  const policy = fields.get("policy");
  const algorithm = fields.get("x-amz-algorithm");
  const oldKeyId = fields.get("awsaccesskeyid");
  if (policy === undefined && algorithm === undefined && oldKeyId === undefined) return undefined;
  if (policy === undefined) throw missing("policy");
  if (algorithm !== undefined) {
    if (algorithm !== "AWS4-HMAC-SHA256") {
      throw invalidArgument('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"', "X-Amz-Algorithm", algorithm);
    }
    return verifyVersion4(fields, policy, authentication);
  }
  if (oldKeyId === undefined) throw missing("AWSAccessKeyId");
  const signature = fields.get("signature");
  if (signature === undefined) throw missing("signature");
  const credential = await find(fields, oldKeyId, authentication);
  if (!equalSignatures(toBase64(hmacSha1(credential.secret, policy)), toCanonical(signature))) {
    throw new S3Refusal("SignatureDoesNotMatch");
  }
  return credential;
}

async function verifyVersion4(
  fields: ReadonlyMap<string, string>,
  policy: string,
  authentication: FormAuthentication,
): Promise<Credential> {
  const scope = (fields.get("x-amz-credential") ?? "").split("/");
  const [service, terminator] = [scope.at(-2), scope.at(-1)];
  const [date = "", region = ""] = scope.slice(-4, -2);
  const accessKeyId = scope.slice(0, -4).join("/");
  if (scope.length < 5 || service !== "s3" || terminator !== "aws4_request") {
    throw invalidArgument(
      "The Credential is malformed",
      "X-Amz-Credential",
      fields.get("x-amz-credential") ?? "",
    );
  }
  const amzDate = fields.get("x-amz-date") ?? "";
  if (parseAmzDate(amzDate) === undefined || !amzDate.startsWith(date)) {
    throw invalidArgument("X-Amz-Date must be formatted via ISO8601 Long format", "X-Amz-Date", amzDate);
  }
  const credential = await find(fields, accessKeyId, authentication);
  const key = authentication.signingKeys.get({ accessKeyId, date, region, service }, credential.secret);
  if (!equalSignatures(key.hmacHex(policy), fields.get("x-amz-signature") ?? "")) {
    throw new S3Refusal("SignatureDoesNotMatch");
  }
  return credential;
}

async function find(
  fields: ReadonlyMap<string, string>,
  accessKeyId: string,
  authentication: FormAuthentication,
): Promise<Credential> {
  const sessionToken = fields.get("x-amz-security-token");
  return findCredential({ accessKeyId, sessionToken }, authentication);
}

/** Base64 with its padding, however the form spelled it. */
function toCanonical(signature: string): string {
  const bytes = fromBase64(signature.trim());
  return bytes === undefined ? "" : toBase64(bytes);
}

function missing(field: string): S3Refusal {
  return invalidArgument(
    `Bucket POST must contain a field named '${field}'.  If it is specified, please check the order of the fields.`,
    field,
    "",
  );
}

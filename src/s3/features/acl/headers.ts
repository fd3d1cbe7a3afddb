import { CANNED_ACLS, type CannedAcl, type Permission } from "../../../access/index.ts";
import { invalidArgument, S3Refusal } from "../../errors.ts";
import { fromHeaderValue, type RequestHeaders } from "../../http.ts";

/** What the headers of a request want as an access control list. */
export type AclRequest =
  | { readonly kind: "canned"; readonly name: CannedAcl }
  | { readonly kind: "grants"; readonly grants: readonly NamedGrant[] };

/** A grant whose grantee is still only a name. */
export interface NamedGrant {
  readonly grantee:
    | { readonly kind: "id" | "email"; readonly name: string }
    | { readonly kind: "group"; readonly uri: string };
  readonly permission: Permission;
}

const GRANT_HEADERS: readonly (readonly [string, Permission])[] = [
  ["x-amz-grant-read", "READ"],
  ["x-amz-grant-write", "WRITE"],
  ["x-amz-grant-read-acp", "READ_ACP"],
  ["x-amz-grant-write-acp", "WRITE_ACP"],
  ["x-amz-grant-full-control", "FULL_CONTROL"],
];

/** Undefined: the headers say nothing. Refuses canned names and grantees that are not understood, and both ways at once. */
export function parseAclHeaders(headers: RequestHeaders): AclRequest | undefined {
  const canned = headers.get("x-amz-acl");
  const grants = GRANT_HEADERS.flatMap(([header, permission]) => {
    const value = headers.get(header);
    return value === undefined ? [] : parseGrantees(header, fromHeaderValue(value), permission);
  });
  if (canned === undefined) return grants.length === 0 ? undefined : { kind: "grants", grants };
  if (grants.length > 0) {
    throw new S3Refusal("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed");
  }
  const name = CANNED_ACLS.find((known) => known === canned);
  if (name === undefined) throw invalidArgument("Invalid canned ACL", "x-amz-acl", canned);
  return { kind: "canned", name };
}

/** `id="...", uri="...", emailAddress="..."`; quotes may be left out. */
function parseGrantees(header: string, value: string, permission: Permission): readonly NamedGrant[] {
  return value.split(",").map((part): NamedGrant => {
    const match = /^\s*(id|uri|emailAddress)\s*=\s*"?([^"]*)"?\s*$/i.exec(part);
    const name = match?.[2]?.trim();
    if (match?.[1] === undefined || name === undefined || name === "") {
      throw invalidArgument("Argument format not recognized", header, value);
    }
    const type = match[1].toLowerCase();
    if (type === "uri") return { grantee: { kind: "group", uri: name }, permission };
    return { grantee: { kind: type === "id" ? "id" : "email", name }, permission };
  });
}

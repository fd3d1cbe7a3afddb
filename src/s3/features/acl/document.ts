/** Access control lists as XML. */

import { type Acl, cannedAcl, type Grant, type Owner, PERMISSIONS } from "../../../access/index.ts";
import type { OwnerDirectory } from "../../ports.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../../xml/reader.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import { groupUri } from "./grants.ts";
import type { NamedGrant } from "./headers.ts";

export const ACL_ROOT = "AccessControlPolicy";
const SCHEMA_INSTANCE = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';

/** Undefined: the owner alone. Groups come first, as S3 has them. */
export function renderAcl(owner: Owner, stored: Acl | undefined, directory: OwnerDirectory): string {
  const acl = stored ?? cannedAcl("private", owner.id, owner.id);
  const groups = acl.filter(({ grantee }) => grantee.kind === "group");
  const owners = acl.filter(({ grantee }) => grantee.kind === "owner");
  const nameOf = (id: string): string | undefined =>
    directory.ownerById(id)?.displayName ?? (id === owner.id ? owner.displayName : undefined);
  const xml = new XmlWriter(ACL_ROOT, S3_NAMESPACE);
  xml.element("Owner", () => xml.leaf("ID", owner.id).leaf("DisplayName", nameOf(owner.id) || undefined));
  xml.element("AccessControlList", () => {
    for (const grant of [...groups, ...owners]) renderGrant(xml, grant, nameOf);
  });
  return xml.end();
}

function renderGrant(
  xml: XmlWriter,
  { grantee, permission }: Grant,
  nameOf: (id: string) => string | undefined,
): void {
  const type = grantee.kind === "group" ? "Group" : "CanonicalUser";
  xml.element("Grant", () => {
    xml.element(
      "Grantee",
      () => {
        if (grantee.kind === "group") xml.leaf("URI", groupUri(grantee.group));
        else xml.leaf("ID", grantee.id).leaf("DisplayName", nameOf(grantee.id) || undefined);
      },
      `${SCHEMA_INSTANCE} xsi:type="${type}"`,
    );
    xml.leaf("Permission", permission);
  });
}

export interface AclDocument {
  /** As the document says; undefined: it does not. */
  readonly ownerId: string | undefined;
  readonly grants: readonly NamedGrant[];
}

export function readAcl(root: XmlElement): AclDocument {
  const children = childrenOf(root, ["Owner", "AccessControlList"]);
  const owner = children.find(({ name }) => name === "Owner");
  if (owner !== undefined) childrenOf(owner, ["ID", "DisplayName"]);
  const lists = children.filter(({ name }) => name === "AccessControlList");
  const [list] = lists;
  if (list === undefined || lists.length > 1) throw malformed("there is one AccessControlList");
  return {
    ownerId: owner && textOf(owner, "ID")?.trim(),
    grants: childrenOf(list, ["Grant"]).map(readGrant),
  };
}

function readGrant(element: XmlElement): NamedGrant {
  const grantee = childrenOf(element, ["Grantee", "Permission"]).find(({ name }) => name === "Grantee");
  const name = textOf(element, "Permission")?.trim();
  const permission = PERMISSIONS.find((known) => known === name);
  if (grantee === undefined || permission === undefined)
    throw malformed("a Grant has a Grantee and a Permission");
  return { grantee: readGrantee(grantee), permission };
}

/** The kind of a grantee shows in what is in it. */
function readGrantee(element: XmlElement): NamedGrant["grantee"] {
  childrenOf(element, ["ID", "DisplayName", "URI", "EmailAddress"]);
  const named = [
    ["id", textOf(element, "ID")],
    ["group", textOf(element, "URI")],
    ["email", textOf(element, "EmailAddress")],
  ] as const;
  const given = named.filter(([, value]) => value !== undefined && value.trim() !== "");
  const [only] = given;
  if (only === undefined || given.length > 1)
    throw malformed("a Grantee has an ID, a URI or an EmailAddress");
  const [kind, value = ""] = only;
  return kind === "group" ? { kind, uri: value.trim() } : { kind, name: value.trim() };
}

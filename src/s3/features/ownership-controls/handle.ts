import { isPrivateAcl, OBJECT_OWNERSHIPS, type ObjectOwnership } from "../../../access/index.ts";
import { ownershipDocument, readOwnershipDocument } from "../../../object/index.ts";
import { readDocument } from "../../body/document.ts";
import { S3Refusal } from "../../errors.ts";
import { NO_CONTENT } from "../../handlers/buckets.ts";
import type { Handlers } from "../../handlers/call.ts";
import { NO_BODY } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../../xml/reader.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import type { OwnershipControlsOperation } from "./operations.ts";

const KIND = "ownership-controls";
const ROOT = "OwnershipControls";

export const ownershipControlsHandlers: Handlers<OwnershipControlsOperation["name"]> = {
  GetBucketOwnershipControls: async ({ bucket }, call) => {
    const stored = await call.store.getBucketConfiguration({ bucket, kind: KIND });
    if (stored === undefined) {
      throw new S3Refusal("OwnershipControlsNotFoundError", undefined, { BucketName: bucket });
    }
    const xml = new XmlWriter(ROOT, S3_NAMESPACE);
    xml.element("Rule", () => xml.leaf("ObjectOwnership", readOwnershipDocument(stored)));
    return xmlResponse(xml.end());
  },

  PutBucketOwnershipControls: async ({ bucket }, call) => {
    const ownership = read(await readDocument(call, ROOT));
    const access = call.store.bucketAccess(bucket);
    const hasGrants = access?.acl !== undefined && !isPrivateAcl(access.acl, access.ownerId);
    if (ownership === "BucketOwnerEnforced" && hasGrants) {
      throw new S3Refusal("InvalidBucketAclWithObjectOwnership");
    }
    await call.store.putBucketConfiguration({
      bucket,
      kind: KIND,
      configuration: ownershipDocument(ownership),
    });
    return { status: 200, headers: [], body: NO_BODY };
  },

  DeleteBucketOwnershipControls: async ({ bucket }, call) => {
    await call.store.deleteBucketConfiguration({ bucket, kind: KIND });
    return NO_CONTENT;
  },
};

function read(root: XmlElement): ObjectOwnership {
  const [rule, ...others] = childrenOf(root, ["Rule"]);
  if (rule === undefined || others.length > 0) throw malformed("OwnershipControls has one Rule");
  childrenOf(rule, ["ObjectOwnership"]);
  const name = textOf(rule, "ObjectOwnership")?.trim();
  const ownership = OBJECT_OWNERSHIPS.find((known) => known === name);
  if (ownership === undefined) throw malformed("ObjectOwnership is none of those that there are");
  return ownership;
}

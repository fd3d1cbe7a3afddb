import type { PublicAccessBlock } from "../../../access/index.ts";
import { publicAccessBlockDocument, readPublicAccessBlockDocument } from "../../../object/index.ts";
import { readDocument } from "../../body/document.ts";
import { S3Refusal } from "../../errors.ts";
import { NO_CONTENT } from "../../handlers/buckets.ts";
import type { Handlers } from "../../handlers/call.ts";
import { NO_BODY } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../../xml/reader.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import type { PublicAccessBlockOperation } from "./operations.ts";

const KIND = "public-access-block";
const ROOT = "PublicAccessBlockConfiguration";
const ELEMENTS = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];

export const publicAccessBlockHandlers: Handlers<PublicAccessBlockOperation["name"]> = {
  GetPublicAccessBlock: async ({ bucket }, call) => {
    const stored = await call.store.getBucketConfiguration({ bucket, kind: KIND });
    if (stored === undefined) {
      throw new S3Refusal("NoSuchPublicAccessBlockConfiguration", undefined, { BucketName: bucket });
    }
    return xmlResponse(render(readPublicAccessBlockDocument(stored)));
  },

  PutPublicAccessBlock: async ({ bucket }, call) => {
    const block = read(await readDocument(call, ROOT));
    const configuration = publicAccessBlockDocument(block);
    await call.store.putBucketConfiguration({ bucket, kind: KIND, configuration });
    return { status: 200, headers: [], body: NO_BODY };
  },

  DeletePublicAccessBlock: async ({ bucket }, call) => {
    await call.store.deleteBucketConfiguration({ bucket, kind: KIND });
    return NO_CONTENT;
  },
};

function read(root: XmlElement): PublicAccessBlock {
  childrenOf(root, ELEMENTS);
  const flag = (name: string): boolean => {
    const text = textOf(root, name)?.trim().toLowerCase();
    if (text === undefined || text === "false") return false;
    if (text === "true") return true;
    throw malformed(`${name} is true or false`);
  };
  return {
    blockPublicAcls: flag("BlockPublicAcls"),
    ignorePublicAcls: flag("IgnorePublicAcls"),
    blockPublicPolicy: flag("BlockPublicPolicy"),
    restrictPublicBuckets: flag("RestrictPublicBuckets"),
  };
}

function render(block: PublicAccessBlock): string {
  return new XmlWriter(ROOT, S3_NAMESPACE)
    .leaf("BlockPublicAcls", block.blockPublicAcls)
    .leaf("IgnorePublicAcls", block.ignorePublicAcls)
    .leaf("BlockPublicPolicy", block.blockPublicPolicy)
    .leaf("RestrictPublicBuckets", block.restrictPublicBuckets)
    .end();
}

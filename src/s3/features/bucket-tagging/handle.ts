import { checkTags, MAX_BUCKET_TAGS, readTagsDocument, tagsDocument } from "../../../object/index.ts";
import { readDocument } from "../../body/document.ts";
import { S3Refusal } from "../../errors.ts";
import { NO_CONTENT } from "../../handlers/buckets.ts";
import type { Handlers } from "../../handlers/call.ts";
import { xmlResponse } from "../../render/document.ts";
import { readTagging, renderTagging } from "../tags.ts";
import type { BucketTaggingOperation } from "./operations.ts";

const KIND = "tagging";

export const bucketTaggingHandlers: Handlers<BucketTaggingOperation["name"]> = {
  GetBucketTagging: async ({ bucket }, call) => {
    const configuration = await call.store.getBucketConfiguration({ bucket, kind: KIND });
    if (configuration === undefined) throw new S3Refusal("NoSuchTagSet", undefined, { BucketName: bucket });
    return xmlResponse(renderTagging(readTagsDocument(configuration)));
  },

  PutBucketTagging: async ({ bucket }, call) => {
    const tags = readTagging(await readDocument(call, "Tagging"));
    checkTags(tags, MAX_BUCKET_TAGS);
    await call.store.putBucketConfiguration({ bucket, kind: KIND, configuration: tagsDocument(tags) });
    return NO_CONTENT;
  },

  DeleteBucketTagging: async ({ bucket }, call) => {
    await call.store.deleteBucketConfiguration({ bucket, kind: KIND });
    return NO_CONTENT;
  },
};

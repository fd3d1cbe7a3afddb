import { readDocument } from "../../body/document.ts";
import { S3Refusal } from "../../errors.ts";
import { NO_CONTENT } from "../../handlers/buckets.ts";
import type { Handlers } from "../../handlers/call.ts";
import { NO_BODY } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import type { WebsiteOperation } from "./operations.ts";
import { readWebsite, WEBSITE_ROOT } from "./read.ts";
import { renderWebsite } from "./render.ts";
import { WEBSITE_KIND, websiteDocument, websiteOf } from "./website.ts";

export const websiteHandlers: Handlers<WebsiteOperation["name"]> = {
  GetBucketWebsite: async ({ bucket }, call) => {
    const stored = await call.store.getBucketConfiguration({ bucket, kind: WEBSITE_KIND });
    if (stored === undefined)
      throw new S3Refusal("NoSuchWebsiteConfiguration", undefined, { BucketName: bucket });
    return xmlResponse(renderWebsite(websiteOf(stored)));
  },

  PutBucketWebsite: async ({ bucket }, call) => {
    const website = readWebsite(await readDocument(call, WEBSITE_ROOT));
    const configuration = websiteDocument(website);
    await call.store.putBucketConfiguration({ bucket, kind: WEBSITE_KIND, configuration });
    return { status: 200, headers: [], body: NO_BODY };
  },

  DeleteBucketWebsite: async ({ bucket }, call) => {
    await call.store.deleteBucketConfiguration({ bucket, kind: WEBSITE_KIND });
    return NO_CONTENT;
  },
};

import { readDocument } from "../../body/document.ts";
import { S3Refusal } from "../../errors.ts";
import { NO_CONTENT } from "../../handlers/buckets.ts";
import type { Handlers } from "../../handlers/call.ts";
import { NO_BODY } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import { CORS_ROOT, readCors, renderCors } from "./document.ts";
import type { CorsOperation } from "./operations.ts";
import { corsDocument, corsRules } from "./rules.ts";

const KIND = "cors";

export const corsHandlers: Handlers<CorsOperation["name"]> = {
  GetBucketCors: async ({ bucket }, call) => {
    const stored = await call.store.getBucketConfiguration({ bucket, kind: KIND });
    if (stored === undefined)
      throw new S3Refusal("NoSuchCORSConfiguration", undefined, { BucketName: bucket });
    return xmlResponse(renderCors(corsRules(stored)));
  },

  PutBucketCors: async ({ bucket }, call) => {
    const rules = readCors(await readDocument(call, CORS_ROOT));
    await call.store.putBucketConfiguration({ bucket, kind: KIND, configuration: corsDocument(rules) });
    return { status: 200, headers: [], body: NO_BODY };
  },

  DeleteBucketCors: async ({ bucket }, call) => {
    await call.store.deleteBucketConfiguration({ bucket, kind: KIND });
    return NO_CONTENT;
  },
};

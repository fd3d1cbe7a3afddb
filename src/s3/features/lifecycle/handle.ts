import { toHex } from "../../../base/index.ts";
import { lifecycleDocument, readLifecycle } from "../../../object/index.ts";
import { readDocument } from "../../body/document.ts";
import { S3Refusal } from "../../errors.ts";
import { NO_CONTENT } from "../../handlers/buckets.ts";
import type { Handlers } from "../../handlers/call.ts";
import { NO_BODY } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import type { LifecycleOperation } from "./operations.ts";
import { TRANSITION_MINIMUM_SIZE_HEADER } from "./parse.ts";
import { LIFECYCLE_ROOT, readLifecycleRules } from "./read.ts";
import { renderLifecycle } from "./render.ts";

const KIND = "lifecycle";

export const lifecycleHandlers: Handlers<LifecycleOperation["name"]> = {
  GetBucketLifecycleConfiguration: async ({ bucket }, call) => {
    const configuration = await call.store.getBucketConfiguration({ bucket, kind: KIND });
    if (configuration === undefined) {
      throw new S3Refusal("NoSuchLifecycleConfiguration", undefined, { BucketName: bucket });
    }
    const lifecycle = readLifecycle(configuration);
    return xmlResponse(renderLifecycle(lifecycle), [
      TRANSITION_MINIMUM_SIZE_HEADER,
      lifecycle.transitionMinimumSize,
    ]);
  },

  PutBucketLifecycleConfiguration: async ({ bucket, transitionMinimumSize }, call) => {
    const root = await readDocument(call, LIFECYCLE_ROOT);
    const seed = new TextEncoder().encode(JSON.stringify(root));
    // The same document gets the same ids: a tool that writes it again sees no difference.
    const idOf = (at: number) => `${toHex(call.hasher.digest("md5", seed))}-${at + 1}`;
    const rules = readLifecycleRules(root, idOf);
    const configuration = lifecycleDocument({ rules, transitionMinimumSize });
    await call.store.putBucketConfiguration({ bucket, kind: KIND, configuration });
    const headers = [TRANSITION_MINIMUM_SIZE_HEADER, transitionMinimumSize];
    return { status: 200, headers, body: NO_BODY };
  },

  DeleteBucketLifecycle: async ({ bucket }, call) => {
    await call.store.deleteBucketConfiguration({ bucket, kind: KIND });
    return NO_CONTENT;
  },
};

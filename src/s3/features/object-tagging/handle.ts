import { compareKeys } from "../../../base/index.ts";
import { readDocument } from "../../body/document.ts";
import type { Handlers } from "../../handlers/call.ts";
import { changeJudged } from "../../handlers/judged-change.ts";
import { NO_BODY } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import { versionHeaders } from "../../render/object-headers.ts";
import { readTagging, renderTagging } from "../tags.ts";
import type { ObjectTaggingOperation } from "./operations.ts";

export const objectTaggingHandlers: Handlers<ObjectTaggingOperation["name"]> = {
  GetObjectTagging: async ({ bucket, key, versionId }, call) => {
    const found = await call.store.getObjectTags({ bucket, key, versionId });
    const tags = found.tags.toSorted((a, b) => compareKeys(a.key, b.key));
    return xmlResponse(renderTagging(tags), versionHeaders(found));
  },

  PutObjectTagging: async ({ bucket, key, versionId }, call) => {
    const address = { bucket, key, versionId };
    const read = async () => readTagging(await readDocument(call, "Tagging"));
    const changed = await changeJudged(address, call, read, (tags, seen) =>
      call.store.putObjectTags({ ...address, tags, seen }),
    );
    return { status: 200, headers: versionHeaders(changed), body: NO_BODY };
  },

  DeleteObjectTagging: async ({ bucket, key, versionId }, call) => {
    const address = { bucket, key, versionId };
    const none = () => Promise.resolve([]);
    const changed = await changeJudged(address, call, none, (tags, seen) =>
      call.store.putObjectTags({ ...address, tags, seen }),
    );
    return { status: 204, headers: versionHeaders(changed), body: NO_BODY };
  },
};

import type { Handlers } from "../../handlers/call.ts";
import { NO_BODY } from "../../http.ts";

export const renameHandlers: Handlers<"RenameObject"> = {
  RenameObject: async (operation, call) => {
    const { bucket, key, sourceKey, sourcePreconditions, preconditions, clientToken } = operation;
    await call.store.renameObject({
      bucket,
      key,
      sourceKey,
      ...(sourcePreconditions && { sourcePreconditions }),
      ...(preconditions && { preconditions }),
      ...(clientToken !== undefined && { clientToken }),
    });
    return { status: 200, headers: [], body: NO_BODY };
  },
};

import { create } from "@bufbuild/protobuf";
import { RenameObjectSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import type { ObjectContext } from "./context.ts";
import { ObjectError } from "./errors.ts";
import { checkKey } from "./names.ts";
import type { RenameObjectRequest } from "./ports.ts";
import { preconditionsMessage } from "./preconditions.ts";
import { expectResult } from "./refusals.ts";

const DIGEST_BYTES = 16;

/** One command, whatever the size of the object. */
export async function renameObject(context: ObjectContext, request: RenameObjectRequest): Promise<void> {
  checkKey(request.key);
  checkKey(request.sourceKey);
  if (request.key === request.sourceKey) {
    throw new ObjectError("copy-to-itself", "an object is renamed to another key than its own");
  }
  const { bucketId } = await context.knownBucket(request.bucket);
  const preconditions = preconditionsMessage(request.preconditions);
  const sourcePreconditions = preconditionsMessage(request.sourcePreconditions);
  const digest = (text: string) =>
    context.options.hasher.digest("sha256", new TextEncoder().encode(text)).subarray(0, DIGEST_BYTES);
  const value = create(RenameObjectSchema, {
    bucket: request.bucket,
    bucketId,
    sourceKey: request.sourceKey,
    key: request.key,
    versionId: context.options.newId(),
    markerId: context.options.newId(),
    ...(preconditions && { preconditions }),
    ...(sourcePreconditions && { sourcePreconditions }),
    ...(request.clientToken !== undefined && {
      token: digest(request.clientToken),
      tokenSource: digest(request.sourceKey),
    }),
  });
  expectResult(await context.submit({ case: "renameObject", value }), "objectCommitted");
}

import { featureHandlers } from "../features/handlers.ts";
import type { S3Response } from "../http.ts";
import type { SupportedOperation } from "../operation.ts";
import { bucketHandlers } from "./buckets.ts";
import type { Call, Handlers } from "./call.ts";
import { deleteObjectsHandlers } from "./delete-objects.ts";
import { listingHandlers } from "./listings.ts";
import { readObjectHandlers } from "./read-object.ts";
import { uploadHandlers } from "./uploads.ts";
import { writeObjectHandlers } from "./write-object.ts";

/** A form becomes a PutObject before it is handled. */
type HandledOperation = Exclude<SupportedOperation, { name: "PostObject" }>;

/** One handler for every supported operation; complete by its type. */
const HANDLERS: Handlers<HandledOperation["name"]> = {
  ...featureHandlers,
  ...bucketHandlers,
  ...listingHandlers,
  ...readObjectHandlers,
  ...writeObjectHandlers,
  ...deleteObjectsHandlers,
  ...uploadHandlers,
};

export function handleOperation(operation: HandledOperation, call: Call): Promise<S3Response> {
  // The compiler cannot see that name and operation belong together; the table's type says it.
  const handler = HANDLERS[operation.name] as (
    operation: HandledOperation,
    call: Call,
  ) => Promise<S3Response>;
  return handler(operation, call);
}

import type { ObjectStore } from "../../../object/index.ts";
import type { Clock } from "../../../platform/index.ts";
import { withoutSecrets } from "../../auth/secret-values.ts";
import type { RequestHead, S3Response } from "../../http.ts";
import type { FinishedExchange, RequestEvent } from "../../ports.ts";
import type { AccessLogRecord } from "./delivery.ts";
import { readLogging } from "./document.ts";
import { formatRecord } from "./record.ts";

export interface AccessLogRecorderOptions {
  readonly store: Pick<ObjectStore, "localBucketConfiguration" | "bucketAccess">;
  readonly clock: Pick<Clock, "wallMs">;
  /** Names this node in the records. */
  readonly hostId: string;
  /** Takes them to whoever delivers. */
  readonly take: (record: AccessLogRecord) => void;
}

/** Writes down finished requests for the access logs of their buckets. */
export class AccessLogRecorder {
  readonly #options: AccessLogRecorderOptions;

  constructor(options: AccessLogRecorderOptions) {
    this.#options = options;
  }

  /** Costs a look into a map where the bucket has no log. */
  note(event: RequestEvent, exchange: FinishedExchange): void {
    const { bucket } = event;
    if (bucket === undefined || event.operation === undefined) return;
    const { store, take } = this.#options;
    const configuration = store.localBucketConfiguration(bucket, "logging");
    if (configuration === undefined) return;
    const ownerId = store.bucketAccess(bucket)?.ownerId ?? "";
    const line = this.#lineOf({ ...event, bucket, operation: event.operation }, exchange, ownerId);
    take({ source: { bucket, ownerId }, logging: readLogging(configuration), line });
  }

  #lineOf(
    event: RequestEvent & {
      readonly bucket: string;
      readonly operation: NonNullable<RequestEvent["operation"]>;
    },
    { request, response }: FinishedExchange,
    bucketOwnerId: string,
  ): string {
    const { headers, method, target } = request;
    const { hostId, clock } = this.#options;
    const referer = headers.get("referer");
    return formatRecord({
      bucketOwnerId,
      bucket: event.bucket,
      timeMs: clock.wallMs() - event.durationMs,
      remoteAddress: event.remoteAddress,
      requesterId: event.requesterId,
      requestId: event.requestId,
      operation: event.operation,
      isWebsite: event.isWebsite,
      method,
      key: event.key,
      // A presigned URL in a log would be good for as long as it lasts, and its key for ever.
      target: withoutSecrets(target),
      status: event.status,
      errorCode: event.errorCode,
      bytesSent: event.bytesOut,
      objectSize: objectSizeOf(request, response),
      totalMs: event.durationMs,
      referer: referer && withoutSecrets(referer),
      userAgent: headers.get("user-agent"),
      versionId: headerOf(response, "x-amz-version-id"),
      hostId,
      host: headers.get("host"),
      secure: request.secure,
      authentication: event.isWebsite
        ? "none"
        : headers.has("authorization")
          ? "header"
          : target.includes("X-Amz-Signature=")
            ? "query"
            : "none",
    });
  }
}

/** Of what was read or written as a whole. */
function objectSizeOf(
  { method, headers }: RequestHead,
  { headers: sent, body }: S3Response,
): number | undefined {
  const range = /\/(\d+)$/.exec(headerIn(sent, "content-range") ?? "")?.[1];
  if (range !== undefined) return Number(range);
  if (method === "PUT") {
    const length = headers.get("x-amz-decoded-content-length") ?? headers.get("content-length");
    return length === undefined || length === "0" ? undefined : Number(length);
  }
  if (body.kind === "bytes") return body.bytes.length;
  return body.kind === "stream" || body.kind === "omitted" ? body.lengthBytes : undefined;
}

function headerOf({ headers }: S3Response, name: string): string | undefined {
  return headerIn(headers, name);
}

function headerIn(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() === name) return headers[at + 1];
  }
  return undefined;
}

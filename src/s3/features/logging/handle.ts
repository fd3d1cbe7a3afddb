import { ObjectError, type ObjectStore } from "../../../object/index.ts";
import { readDocument } from "../../body/document.ts";
import { notImplemented, S3Refusal } from "../../errors.ts";
import type { Handlers } from "../../handlers/call.ts";
import { NO_BODY } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../../xml/reader.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import { type BucketLogging, type LogKeyFormat, loggingDocument, readLogging } from "./document.ts";
import type { LoggingOperation } from "./operations.ts";
import { mayDeliver } from "./permission.ts";

const KIND = "logging";
const ROOT = "BucketLoggingStatus";
const MAX_PREFIX_BYTES = 512;

export const loggingHandlers: Handlers<LoggingOperation["name"]> = {
  GetBucketLogging: async ({ bucket }, call) => {
    const configuration = await call.store.getBucketConfiguration({ bucket, kind: KIND });
    return xmlResponse(render(configuration && readLogging(configuration)));
  },

  PutBucketLogging: async ({ bucket }, call) => {
    const logging = read(await readDocument(call, ROOT));
    if (logging === undefined) await call.store.deleteBucketConfiguration({ bucket, kind: KIND });
    else {
      await checkTarget(call.store, bucket, logging);
      const configuration = loggingDocument(logging);
      await call.store.putBucketConfiguration({ bucket, kind: KIND, configuration });
    }
    return { status: 200, headers: [], body: NO_BODY };
  },
};

/** Undefined: off. */
function read(root: XmlElement): BucketLogging | undefined {
  const [enabled, ...more] = childrenOf(root, ["LoggingEnabled"]);
  if (enabled === undefined) return undefined;
  if (more.length > 0) throw malformed(`LoggingEnabled occurs twice in ${ROOT}`);
  const children = childrenOf(enabled, [
    "TargetBucket",
    "TargetPrefix",
    "TargetGrants",
    "TargetObjectKeyFormat",
  ]);
  const grants = children.find(({ name }) => name === "TargetGrants");
  if (grants !== undefined && grants.children.length > 0) throw notImplemented("TargetGrants of a log");
  const targetBucket = textOf(enabled, "TargetBucket")?.trim();
  const targetPrefix = textOf(enabled, "TargetPrefix");
  if (targetBucket === undefined || targetBucket === "") throw malformed("LoggingEnabled has a TargetBucket");
  if (targetPrefix === undefined) throw malformed("LoggingEnabled has a TargetPrefix");
  if (Buffer.byteLength(targetPrefix, "utf8") > MAX_PREFIX_BYTES) {
    throw new S3Refusal("InvalidArgument", `a TargetPrefix has at most ${MAX_PREFIX_BYTES} bytes`);
  }
  const format = children.filter(({ name }) => name === "TargetObjectKeyFormat");
  if (format.length > 1) throw malformed("TargetObjectKeyFormat occurs twice");
  return { targetBucket, targetPrefix, keyFormat: format[0] && readKeyFormat(format[0]) };
}

function readKeyFormat(element: XmlElement): LogKeyFormat {
  const [format, ...more] = childrenOf(element, ["SimplePrefix", "PartitionedPrefix"]);
  if (format === undefined || more.length > 0) {
    throw malformed("TargetObjectKeyFormat has SimplePrefix or PartitionedPrefix");
  }
  if (format.name === "SimplePrefix") {
    childrenOf(format, []);
    return "simple";
  }
  childrenOf(format, ["PartitionDateSource"]);
  switch (textOf(format, "PartitionDateSource")?.trim()) {
    case undefined:
    case "DeliveryTime":
      return "partitioned-by-delivery";
    case "EventTime":
      return "partitioned-by-event";
    default:
      throw malformed("PartitionDateSource is EventTime or DeliveryTime");
  }
}

/** A log that could never be delivered is refused now, and not lost in silence later. */
async function checkTarget(store: ObjectStore, bucket: string, logging: BucketLogging): Promise<void> {
  const { targetBucket, targetPrefix } = logging;
  const source = await store.headBucket(bucket);
  const found = await store.headBucket(targetBucket).catch((error: unknown) => {
    if (error instanceof ObjectError && error.code === "bucket-not-found") return undefined;
    throw error;
  });
  const target = found && store.bucketAccess(targetBucket);
  const from = { bucket, ownerId: source.owner.id };
  const isDeliverable =
    target !== undefined &&
    target.ownerId === source.owner.id &&
    [targetPrefix, `${targetPrefix}log`].some((key) =>
      mayDeliver({ ...target, bucket: targetBucket }, from, key),
    );
  if (!isDeliverable) {
    throw new S3Refusal("InvalidTargetBucketForLogging", undefined, { TargetBucket: targetBucket });
  }
}

function render(logging: BucketLogging | undefined): string {
  const xml = new XmlWriter(ROOT, S3_NAMESPACE);
  if (logging === undefined) return xml.end();
  const { targetBucket, targetPrefix, keyFormat } = logging;
  xml.element("LoggingEnabled", () => {
    xml.leaf("TargetBucket", targetBucket).leaf("TargetPrefix", targetPrefix);
    if (keyFormat === undefined) return;
    xml.element("TargetObjectKeyFormat", () => {
      if (keyFormat === "simple") xml.element("SimplePrefix", () => {});
      else {
        xml.element("PartitionedPrefix", () => {
          const isByEvent = keyFormat === "partitioned-by-event";
          xml.leaf("PartitionDateSource", isByEvent ? "EventTime" : "DeliveryTime");
        });
      }
    });
  });
  return xml.end();
}

/** Where the access log of a bucket goes: what its document holds, and the keys of the log's objects. */

import { accountIdOf } from "../../../access/index.ts";
import { toHex } from "../../../base/index.ts";
import type { BucketConfiguration } from "../../../object/index.ts";

/** "partitioned": with the source and the date in the key; the date is that of the events, or of the delivery. */
export type LogKeyFormat = "simple" | "partitioned-by-event" | "partitioned-by-delivery";

export interface BucketLogging {
  readonly targetBucket: string;
  /** May be empty. */
  readonly targetPrefix: string;
  /** Undefined: simple, and not said so when it is read. */
  readonly keyFormat: LogKeyFormat | undefined;
}

const FORMAT = 1;
const PARSED = new WeakMap<BucketConfiguration, BucketLogging>();

/** JSON of `BucketLogging`. */
export function loggingDocument(logging: BucketLogging): BucketConfiguration {
  return { format: FORMAT, document: new TextEncoder().encode(JSON.stringify(logging)) };
}

/** Throws on a format that this version does not know. The same document gives the same object. */
export function readLogging(configuration: BucketConfiguration): BucketLogging {
  const known = PARSED.get(configuration);
  if (known !== undefined) return known;
  if (configuration.format !== FORMAT) {
    throw new Error(`a bucket's logging has the unknown format ${configuration.format}`);
  }
  const logging = JSON.parse(new TextDecoder().decode(configuration.document)) as BucketLogging;
  PARSED.set(configuration, logging);
  return logging;
}

export interface LogSource {
  readonly bucket: string;
  /** Canonical id. */
  readonly ownerId: string;
}

const UNIQUE_BYTES = 8;

/** The key of a log object, as S3 makes it. `unique` makes it another one than all others of the second. */
export function logKey(
  logging: BucketLogging,
  source: LogSource & { readonly region: string },
  time: { readonly firstEventMs: number; readonly deliveryMs: number },
  unique: Uint8Array,
): string {
  const name = toHex(unique.subarray(0, UNIQUE_BYTES)).toUpperCase();
  const { keyFormat = "simple", targetPrefix } = logging;
  if (keyFormat === "simple") return `${targetPrefix}${secondOf(time.deliveryMs)}-${name}`;
  const isByEvent = keyFormat === "partitioned-by-event";
  const second = secondOf(isByEvent ? time.firstEventMs : time.deliveryMs);
  const [year, month, day] = second.split("-");
  // All events of a day are in the folder of that day: its object has the beginning of the day in its name.
  const shown = isByEvent ? `${year}-${month}-${day}-00-00-00` : second;
  const folder = `${accountIdOf(source.ownerId)}/${source.region}/${source.bucket}/${year}/${month}/${day}`;
  return `${targetPrefix}${folder}/${shown}-${name}`;
}

/** "2024-01-15-10-30-00", UTC. */
function secondOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 19).replace(/[T:]/g, "-");
}

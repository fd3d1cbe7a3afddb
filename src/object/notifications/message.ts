/** The message of S3's event notifications. Source: the user guide, "Event message structure", version 2.1. */

import type { ObjectChange } from "../../gen/skerry/meta/v1/rows_pb.js";
import { formatVersionId } from "../version-id.ts";
import type { EventName } from "./rules.ts";

export interface NotifiedEvent {
  readonly name: EventName;
  readonly timeMs: number;
  /** Of the oplog: greater than those of all earlier changes. */
  readonly sequence: bigint;
  readonly change: ObjectChange;
  readonly ruleId: string;
  readonly bucketOwnerId: string;
  readonly region: string;
}

const SEQUENCER_DIGITS = 16;

export function encodeEvents(events: readonly NotifiedEvent[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ Records: events.map(recordOf) }));
}

/** Who made the change and from where is in the audit log, and not in the log of changes: it is not said here. */
function recordOf(event: NotifiedEvent) {
  const { change, sequence, bucketOwnerId } = event;
  const { bucket, key, size, etag, versioned } = change;
  const isThere = event.name.startsWith("ObjectCreated:");
  return {
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: event.region,
    eventTime: new Date(event.timeMs).toISOString(),
    eventName: event.name,
    userIdentity: { principalId: "" },
    requestParameters: { sourceIPAddress: "" },
    responseElements: {},
    s3: {
      s3SchemaVersion: "1.0",
      configurationId: event.ruleId,
      bucket: {
        name: bucket,
        ownerIdentity: { principalId: bucketOwnerId },
        arn: `arn:aws:s3:::${bucket}`,
      },
      object: {
        // As S3 does: a form's encoding.
        key: encodeURIComponent(key).replaceAll("%20", "+").replaceAll("%2F", "/"),
        ...(isThere && { size: Number(size), eTag: etag }),
        ...(versioned && { versionId: formatVersionId(change) }),
        sequencer: sequence.toString(16).toUpperCase().padStart(SEQUENCER_DIGITS, "0"),
      },
    },
  };
}

/** What a bucket tells of its changes, and to whom: the rules, their document, and which of them a change is for. Pure. */

import { ObjectChange_Kind as Kind, type ObjectChange } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { BucketConfiguration } from "../bucket-configuration.ts";

/** Names of events, without "s3:". Those that this version can tell. */
export const EVENT_NAMES = [
  "ObjectCreated:Put",
  "ObjectCreated:Copy",
  "ObjectCreated:CompleteMultipartUpload",
  "ObjectRemoved:Delete",
  "ObjectRemoved:DeleteMarkerCreated",
  "LifecycleExpiration:Delete",
  "LifecycleExpiration:DeleteMarkerCreated",
  "ObjectTagging:Put",
  "ObjectTagging:Delete",
  "ObjectAcl:Put",
] as const;
export type EventName = (typeof EVENT_NAMES)[number];

export interface NotificationRule {
  readonly id: string;
  /** As S3 calls the kinds of destinations; here all are webhooks. */
  readonly kind: "topic" | "queue" | "function";
  /** As it was written; the name of the destination is behind the last colon. */
  readonly arn: string;
  /** With "s3:"; may end with "*". */
  readonly events: readonly string[];
  /** As they were written. */
  readonly filters: readonly { readonly name: "prefix" | "suffix"; readonly value: string }[];
}

export interface Notifications {
  readonly rules: readonly NotificationRule[];
}

const FORMAT = 1;
const PARSED = new WeakMap<BucketConfiguration, Notifications>();

/** JSON of `Notifications`. */
export function notificationsDocument(notifications: Notifications): BucketConfiguration {
  return { format: FORMAT, document: new TextEncoder().encode(JSON.stringify(notifications)) };
}

/** Throws on a format that this version does not know. The same document gives the same object. */
export function readNotifications(configuration: BucketConfiguration): Notifications {
  const known = PARSED.get(configuration);
  if (known !== undefined) return known;
  if (configuration.format !== FORMAT) {
    throw new Error(`a bucket's notifications have the unknown format ${configuration.format}`);
  }
  const notifications = JSON.parse(new TextDecoder().decode(configuration.document)) as Notifications;
  PARSED.set(configuration, notifications);
  return notifications;
}

export function destinationOf({ arn }: Pick<NotificationRule, "arn">): string {
  return arn.slice(arn.lastIndexOf(":") + 1);
}

/** Whether an event is one of those that were asked for ("s3:ObjectCreated:*"). */
export function includesEvent(asked: string, event: EventName): boolean {
  const name = `s3:${event}`;
  return asked.endsWith("*") ? name.startsWith(asked.slice(0, -1)) : name === asked;
}

export function ruleMatches(rule: NotificationRule, event: EventName, key: string): boolean {
  return (
    rule.events.some((asked) => includesEvent(asked, event)) &&
    rule.filters.every(({ name, value }) => (name === "prefix" ? key.startsWith(value) : key.endsWith(value)))
  );
}

/** Undefined: S3 has no event for it. */
export function eventOf({ kind, expired }: Pick<ObjectChange, "kind" | "expired">): EventName | undefined {
  switch (kind) {
    case Kind.CREATED:
      return "ObjectCreated:Put";
    case Kind.COPIED:
      return "ObjectCreated:Copy";
    case Kind.MULTIPART_COMPLETED:
      return "ObjectCreated:CompleteMultipartUpload";
    case Kind.REMOVED:
    case Kind.VERSION_REMOVED:
      return expired ? "LifecycleExpiration:Delete" : "ObjectRemoved:Delete";
    case Kind.MARKER_CREATED:
      return expired ? "LifecycleExpiration:DeleteMarkerCreated" : "ObjectRemoved:DeleteMarkerCreated";
    case Kind.TAGS_CHANGED:
      return "ObjectTagging:Put";
    case Kind.TAGS_REMOVED:
      return "ObjectTagging:Delete";
    case Kind.ACL_CHANGED:
      return "ObjectAcl:Put";
    case Kind.RETENTION_CHANGED:
    case Kind.LEGAL_HOLD_CHANGED:
    case Kind.UNSPECIFIED:
      return undefined;
  }
}

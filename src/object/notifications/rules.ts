/** What a bucket tells of its changes, and to whom: the rules, their document, and which of them a change is for. Pure. */

import { ObjectChange_Kind as Kind, type ObjectChange } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { BucketConfiguration, StoredBucketConfiguration } from "../bucket-configuration.ts";

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
  /**
   * Sequence of the oplog, decimal, from which on the rule has been there, where that is before its document was written. Earlier versions do not
   * write it, and take every rule for one that began with its document.
   */
  readonly since?: string;
}

export interface Notifications {
  readonly rules: readonly NotificationRule[];
}

const FORMAT = 1;
const PARSED = new WeakMap<BucketConfiguration, Notifications>();

/**
 * JSON of `Notifications`. A rule that is in `before` too, the document that is replaced, goes on as that rule: what waits for its destination is
 * told.
 */
export function notificationsDocument(
  { rules }: Notifications,
  before?: StoredBucketConfiguration,
): BucketConfiguration {
  const written = before === undefined ? rules : rules.map((rule) => continuing(rule, before));
  return { format: FORMAT, document: new TextEncoder().encode(JSON.stringify({ rules: written })) };
}

function continuing(rule: NotificationRule, before: StoredBucketConfiguration): NotificationRule {
  const same = readNotifications(before).rules.find((other) => asksTheSame(rule, other));
  return same === undefined ? rule : { ...rule, since: String(beginningOf(same, before)) };
}

/** The rule is told of changes with greater sequences. */
export function beginningOf({ since }: NotificationRule, { revision }: StoredBucketConfiguration): bigint {
  return since === undefined ? revision : BigInt(since);
}

/** Whatever its id: where a document says none, that is made of the whole of it. */
function asksTheSame(rule: NotificationRule, other: NotificationRule): boolean {
  const asked = ({ kind, arn, events, filters }: NotificationRule) =>
    JSON.stringify([kind, arn, [...events].sort(), filters.map(({ name, value }) => [name, value]).sort()]);
  return asked(rule) === asked(other);
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

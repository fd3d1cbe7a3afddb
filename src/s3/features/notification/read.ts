/** The rules in a notification document, checked as S3 checks them. An event that is never told is not accepted. */

import { destinationOf, EVENT_NAMES, includesEvent, type NotificationRule } from "../../../object/index.ts";
import { invalidArgument, notImplemented } from "../../errors.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../../xml/reader.ts";

export const NOTIFICATION_ROOT = "NotificationConfiguration";
const MAX_RULES = 100;
const MAX_ID_LENGTH = 255;
const MAX_FILTER_BYTES = 1024;
const ARN = /^arn:[a-z0-9-]+:(sns|sqs|lambda):[a-z0-9-]*:[\w-]*:(?:function:)?[\w-]{1,128}$/;

/** The element of each kind of destination, and the one inside that names it. */
export const DESTINATION_ELEMENTS: Readonly<
  Record<NotificationRule["kind"], { readonly element: string; readonly arn: string }>
> = {
  topic: { element: "TopicConfiguration", arn: "Topic" },
  queue: { element: "QueueConfiguration", arn: "Queue" },
  function: { element: "CloudFunctionConfiguration", arn: "CloudFunction" },
};
const KINDS = ["topic", "queue", "function"] as const;

/** Events of S3 that nothing here brings about. */
const OTHER_EVENTS: ReadonlySet<string> = new Set([
  "s3:ObjectCreated:Post",
  "s3:ReducedRedundancyLostObject",
  "s3:ObjectRestore:*",
  "s3:ObjectRestore:Post",
  "s3:ObjectRestore:Completed",
  "s3:ObjectRestore:Delete",
  "s3:Replication:*",
  "s3:Replication:OperationFailedReplication",
  "s3:Replication:OperationNotTracked",
  "s3:Replication:OperationMissedThreshold",
  "s3:Replication:OperationReplicatedAfterThreshold",
  "s3:LifecycleTransition",
  "s3:IntelligentTiering",
]);

/** `destinations` are the names that the operator has declared; `idOf` makes an id for the rule at this place, where it has none. */
export function readNotificationRules(
  root: XmlElement,
  destinations: ReadonlySet<string>,
  idOf: (at: number) => string,
): readonly NotificationRule[] {
  const names = KINDS.map((kind) => DESTINATION_ELEMENTS[kind].element);
  const children = childrenOf(root, [...names, "EventBridgeConfiguration"]);
  if (children.some(({ name }) => name === "EventBridgeConfiguration")) {
    throw notImplemented("EventBridgeConfiguration in the notifications of a bucket");
  }
  if (children.length > MAX_RULES) throw malformed(`there are at most ${MAX_RULES} notifications`);
  const rules = children.map((element, at) => {
    const kind = KINDS.find((candidate) => DESTINATION_ELEMENTS[candidate].element === element.name);
    if (kind === undefined) throw malformed(`${element.name} is not expected`);
    return readRule(element, kind, idOf(at));
  });
  const unknown = rules.find((rule) => !destinations.has(destinationOf(rule)));
  if (unknown !== undefined) {
    throw invalidArgument(
      "Unable to validate the following destination configurations",
      unknown.arn,
      "The destination is not one of those that the operator has declared",
    );
  }
  checkIds(rules);
  checkOverlaps(rules);
  return rules;
}

function readRule(element: XmlElement, kind: NotificationRule["kind"], ownId: string): NotificationRule {
  const { arn: arnElement } = DESTINATION_ELEMENTS[kind];
  const children = childrenOf(element, ["Id", arnElement, "Event", "Filter"]);
  const arn = textOf(element, arnElement)?.trim() ?? "";
  if (!ARN.test(arn)) throw invalidArgument("The ARN could not be parsed", arnElement, arn);
  const events = children.filter(({ name }) => name === "Event").map(({ text }) => text.trim());
  if (events.length === 0) throw malformed(`${element.name} has an Event`);
  for (const event of events) checkEvent(event);
  const [filter, ...more] = children.filter(({ name }) => name === "Filter");
  if (more.length > 0) throw malformed(`Filter occurs twice in ${element.name}`);
  const id = textOf(element, "Id") ?? "";
  return {
    id: id === "" ? ownId : id,
    kind,
    arn,
    events,
    filters: filter === undefined ? [] : readFilter(filter),
  };
}

function checkEvent(event: string): void {
  if (OTHER_EVENTS.has(event)) throw notImplemented(`The event ${event}`);
  const isKnown = EVENT_NAMES.some((name) => includesEvent(event, name));
  const isWhole = !event.includes("*") || /^s3:[A-Za-z]+:\*$/.test(event);
  if (!isKnown || !isWhole) {
    throw invalidArgument("The event is not supported for notifications", "Event", event);
  }
}

function readFilter(element: XmlElement): NotificationRule["filters"] {
  const [key, ...more] = childrenOf(element, ["S3Key"]);
  if (key === undefined) return [];
  if (more.length > 0) throw malformed("S3Key occurs twice in Filter");
  const filters = childrenOf(key, ["FilterRule"]).map(readFilterRule);
  if (new Set(filters.map(({ name }) => name)).size < filters.length) {
    throw invalidArgument(
      "Cannot specify more than one prefix rule in a filter, nor more than one suffix rule",
      "FilterRule.Name",
      "",
    );
  }
  return filters;
}

function readFilterRule(rule: XmlElement): NotificationRule["filters"][number] {
  childrenOf(rule, ["Name", "Value"]);
  const name = textOf(rule, "Name")?.trim().toLowerCase();
  const value = textOf(rule, "Value");
  if (name !== "prefix" && name !== "suffix") {
    throw invalidArgument("filter rule name must be either prefix or suffix", "FilterRule.Name", name ?? "");
  }
  if (value === undefined) throw malformed("a FilterRule has a Value");
  if (Buffer.byteLength(value, "utf8") > MAX_FILTER_BYTES) {
    throw invalidArgument("filter rule value cannot be longer than 1024", "FilterRule.Value", value);
  }
  return { name, value };
}

function checkIds(rules: readonly NotificationRule[]): void {
  for (const { id } of rules) {
    if (id.length > MAX_ID_LENGTH) throw invalidArgument("an Id has at most 255 characters", "Id", id);
  }
  if (new Set(rules.map(({ id }) => id)).size < rules.length) {
    throw invalidArgument("Same ID used for multiple configurations. IDs must be unique", "Id", "");
  }
}

/** As in S3, an event goes to one destination. */
function checkOverlaps(rules: readonly NotificationRule[]): void {
  for (const [at, rule] of rules.entries()) {
    const other = rules.slice(at + 1).find((later) => sharesEvent(rule, later) && sharesKeys(rule, later));
    if (other === undefined) continue;
    throw invalidArgument(
      "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
      "Event",
      `${rule.id}, ${other.id}`,
    );
  }
}

function sharesEvent(rule: NotificationRule, other: NotificationRule): boolean {
  return EVENT_NAMES.some((name) =>
    [rule, other].every(({ events }) => events.some((event) => includesEvent(event, name))),
  );
}

function sharesKeys(rule: NotificationRule, other: NotificationRule): boolean {
  const value = ({ filters }: NotificationRule, wanted: "prefix" | "suffix") =>
    filters.find(({ name }) => name === wanted)?.value ?? "";
  const [prefix, otherPrefix] = [value(rule, "prefix"), value(other, "prefix")];
  const [suffix, otherSuffix] = [value(rule, "suffix"), value(other, "suffix")];
  return (
    (prefix.startsWith(otherPrefix) || otherPrefix.startsWith(prefix)) &&
    (suffix.endsWith(otherSuffix) || otherSuffix.endsWith(suffix))
  );
}

/** The rules in a document, checked as S3 checks them. What S3 refuses is refused with its words; what could not be done here is not accepted. */

import {
  type Lifecycle,
  type LifecycleConditions,
  type LifecycleExpiration,
  type LifecycleFilter,
  type LifecycleRule,
  MAX_KEY_BYTES,
  MAX_LIFECYCLE_RULES,
  MAX_NEWER_NONCURRENT_VERSIONS,
  type Tag,
} from "../../../object/index.ts";
import { invalidArgument, S3Refusal } from "../../errors.ts";
import { parseWhole } from "../../parse/fields.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../../xml/reader.ts";

export const LIFECYCLE_ROOT = "LifecycleConfiguration";
const MAX_ID_LENGTH = 255;
const MAX_TAG_KEY_LENGTH = 128;
const MAX_TAG_VALUE_LENGTH = 256;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Beyond, no date could be written any more. */
const MAX_DAYS = 36_500;

/** `idOf` makes an id for the rule at this place, where it has none. */
export function readLifecycleRules(root: XmlElement, idOf: (at: number) => string): Lifecycle["rules"] {
  const elements = childrenOf(root, ["Rule"]);
  if (elements.length === 0) throw malformed(`${LIFECYCLE_ROOT} has at least one Rule`);
  if (elements.length > MAX_LIFECYCLE_RULES) {
    throw malformed(`${LIFECYCLE_ROOT} has at most ${MAX_LIFECYCLE_RULES} rules`);
  }
  const rules = elements.map((element, at) => readRule(element, idOf(at)));
  if (new Set(rules.map(({ id }) => id)).size < rules.length) {
    throw invalidArgument("Rule ID must be unique. Found same ID for more than one rule", "ID", "");
  }
  const hasFilters = rules.some(({ scope }) => scope.kind === "filter");
  if (hasFilters && rules.some(({ scope }) => scope.kind === "prefix")) {
    throw invalidRequest(
      "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.",
    );
  }
  return rules;
}

const RULE_PARTS = [
  "ID",
  "Prefix",
  "Filter",
  "Status",
  "Expiration",
  "NoncurrentVersionExpiration",
  "AbortIncompleteMultipartUpload",
  "Transition",
  "NoncurrentVersionTransition",
];

function readRule(element: XmlElement, ownId: string): LifecycleRule {
  const children = childrenOf(element, RULE_PARTS);
  const transition = children.find(({ name }) => name.endsWith("Transition"));
  if (transition !== undefined) refuseTransition(transition);
  const expiration = partOf(element, "Expiration", readExpiration);
  const noncurrentExpiration = partOf(element, "NoncurrentVersionExpiration", readNoncurrent);
  const abortUploadsAfterDays = partOf(element, "AbortIncompleteMultipartUpload", readAbort);
  const rule: LifecycleRule = {
    id: readId(element) ?? ownId,
    isEnabled: readStatus(element),
    scope: readScope(element),
    ...(expiration && { expiration }),
    ...(noncurrentExpiration && { noncurrentExpiration }),
    ...(abortUploadsAfterDays !== undefined && { abortUploadsAfterDays }),
  };
  checkRule(rule);
  return rule;
}

/** Objects have one storage class here, so there is none to move them to. */
function refuseTransition(element: XmlElement): never {
  const storageClass = textOf(element, "StorageClass")?.trim();
  if (storageClass === undefined) throw malformed(`${element.name} has a StorageClass`);
  throw new S3Refusal(
    "InvalidStorageClass",
    `There is no storage class ${storageClass} here that objects could be moved to.`,
    { StorageClassRequested: storageClass },
  );
}

/** What must hold between the parts of a rule. */
function checkRule({ scope, expiration, noncurrentExpiration, abortUploadsAfterDays }: LifecycleRule): void {
  if (expiration === undefined && noncurrentExpiration === undefined && abortUploadsAfterDays === undefined) {
    throw invalidRequest("At least one action needs to be specified in a rule.");
  }
  if (scope.kind === "prefix") return;
  const parts = scope.filter.and === undefined ? [scope.filter] : [scope.filter, scope.filter.and];
  const hasTags = parts.some(({ tags }) => tags.length > 0);
  const hasSizes = parts.some((part) => part.greaterThan !== undefined || part.lessThan !== undefined);
  if (abortUploadsAfterDays !== undefined) {
    if (hasTags) throw invalidRequest("AbortIncompleteMultipartUpload cannot be specified with Tags.");
    if (hasSizes)
      throw invalidRequest("AbortIncompleteMultipartUpload cannot be specified with object sizes.");
  }
  if (expiration?.kind === "markers") {
    if (hasTags) throw invalidRequest("ExpiredObjectDeleteMarker cannot be specified with Tags.");
    if (hasSizes) throw invalidRequest("ExpiredObjectDeleteMarker cannot be specified with object sizes.");
  }
}

function readId(element: XmlElement): string | undefined {
  const id = textOf(element, "ID");
  if (id === undefined || id === "") return undefined;
  if (id.length > MAX_ID_LENGTH) {
    throw invalidArgument(`ID length should not exceed allowed limit of ${MAX_ID_LENGTH}`, "ID", id);
  }
  return id;
}

function readStatus(element: XmlElement): boolean {
  const status = textOf(element, "Status");
  if (status !== "Enabled" && status !== "Disabled") throw malformed("Status is Enabled or Disabled");
  return status === "Enabled";
}

function readScope(element: XmlElement): LifecycleRule["scope"] {
  const prefix = textOf(element, "Prefix");
  const filter = partOf(element, "Filter", readFilter);
  if (prefix !== undefined && filter !== undefined) throw malformed("a Rule has a Prefix or a Filter");
  if (filter !== undefined) return { kind: "filter", filter };
  if (prefix === undefined) throw malformed("a Rule has a Filter");
  return { kind: "prefix", prefix: checkPrefix(prefix) };
}

const CONDITIONS = ["Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan"];

/** S3 takes one condition outside of And. Several are taken here, and all of them must hold. */
function readFilter(element: XmlElement): LifecycleFilter {
  childrenOf(element, [...CONDITIONS, "And"]);
  const and = partOf(element, "And", readAnd);
  return { ...readConditions(element), ...(and && { and }) };
}

function readAnd(element: XmlElement): LifecycleConditions {
  if (childrenOf(element, CONDITIONS).length === 0) throw malformed("And has conditions");
  return readConditions(element);
}

function readConditions(element: XmlElement): LifecycleConditions {
  const prefix = textOf(element, "Prefix");
  const greaterThan = sizeOf(element, "ObjectSizeGreaterThan");
  const lessThan = sizeOf(element, "ObjectSizeLessThan");
  if (greaterThan !== undefined && lessThan !== undefined && lessThan <= greaterThan) {
    throw invalidRequest("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.");
  }
  return {
    tags: readTags(element),
    ...(prefix !== undefined && { prefix: checkPrefix(prefix) }),
    ...(greaterThan !== undefined && { greaterThan }),
    ...(lessThan !== undefined && { lessThan }),
  };
}

function readTags(element: XmlElement): readonly Tag[] {
  const elements = element.children.filter(({ name }) => name === "Tag");
  if (element.name === "Filter" && elements.length > 1) throw malformed("Tag occurs twice in Filter");
  const tags = elements.map((tag) => {
    childrenOf(tag, ["Key", "Value"]);
    const key = textOf(tag, "Key");
    const value = textOf(tag, "Value");
    if (key === undefined || value === undefined) throw malformed("a Tag has a Key and a Value");
    if (key.length === 0 || key.length > MAX_TAG_KEY_LENGTH) {
      throw new S3Refusal("InvalidTag", "The TagKey you have provided is invalid", { TagKey: key });
    }
    if (value.length > MAX_TAG_VALUE_LENGTH) {
      throw new S3Refusal("InvalidTag", "The TagValue you have provided is invalid", { TagKey: key });
    }
    return { key, value };
  });
  if (new Set(tags.map(({ key }) => key)).size < tags.length) {
    throw invalidRequest("Duplicate Tag Keys are not allowed.");
  }
  return tags;
}

function checkPrefix(prefix: string): string {
  if (Buffer.byteLength(prefix, "utf8") > MAX_KEY_BYTES) {
    throw invalidArgument(`a prefix has at most ${MAX_KEY_BYTES} bytes`, "Prefix", prefix);
  }
  return prefix;
}

function sizeOf(element: XmlElement, name: string): number | undefined {
  const text = textOf(element, name)?.trim();
  if (text === undefined) return undefined;
  const size = parseWhole(text);
  if (size === undefined) throw malformed(`${name} is a number of bytes`);
  return size;
}

function readExpiration(element: XmlElement): LifecycleExpiration {
  const children = childrenOf(element, ["Days", "Date", "ExpiredObjectDeleteMarker"]);
  const [child, ...more] = children;
  if (child === undefined || more.length > 0) {
    throw malformed("Expiration has one of Days, Date and ExpiredObjectDeleteMarker");
  }
  const text = textOf(element, child.name)?.trim() ?? "";
  switch (child.name) {
    case "Days":
      return { kind: "days", days: positive(text, "Days", "Expiration") };
    case "Date":
      return { kind: "date", dateMs: midnight(text) };
    default:
      if (text !== "true" && text !== "false") throw malformed("ExpiredObjectDeleteMarker is true or false");
      return { kind: "markers", isOn: text === "true" };
  }
}

function readNoncurrent(element: XmlElement): NonNullable<LifecycleRule["noncurrentExpiration"]> {
  childrenOf(element, ["NoncurrentDays", "NewerNoncurrentVersions"]);
  const days = textOf(element, "NoncurrentDays")?.trim();
  if (days === undefined) throw malformed("NoncurrentVersionExpiration has NoncurrentDays");
  const newer = textOf(element, "NewerNoncurrentVersions")?.trim();
  const action = "NoncurrentVersionExpiration";
  const result = { days: positive(days, "NoncurrentDays", action) };
  if (newer === undefined) return result;
  const newerVersions = positive(newer, "NewerNoncurrentVersions", action);
  if (newerVersions > MAX_NEWER_NONCURRENT_VERSIONS) {
    throw invalidArgument(
      `'NewerNoncurrentVersions' for ${action} action must be at most ${MAX_NEWER_NONCURRENT_VERSIONS}`,
      "NewerNoncurrentVersions",
      newer,
    );
  }
  return { ...result, newerVersions };
}

function readAbort(element: XmlElement): number {
  childrenOf(element, ["DaysAfterInitiation"]);
  const days = textOf(element, "DaysAfterInitiation")?.trim();
  if (days === undefined) throw malformed("AbortIncompleteMultipartUpload has DaysAfterInitiation");
  return positive(days, "DaysAfterInitiation", "AbortIncompleteMultipartUpload");
}

function positive(text: string, name: string, action: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw malformed(`${name} is a whole number`);
  const value = Number(text);
  if (value < 1 || value > MAX_DAYS) {
    throw invalidArgument(`'${name}' for ${action} action must be a positive integer`, name, text);
  }
  return value;
}

/** ISO 8601; the older form of a rule may leave the time of day out. */
function midnight(text: string): number {
  const isDate = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2}))?$/.test(text);
  const timeMs = isDate ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timeMs)) throw malformed("Date is a date in the form of ISO 8601");
  if (timeMs % DAY_MS !== 0) throw invalidArgument("'Date' must be at midnight GMT", "Date", text);
  return timeMs;
}

function partOf<T>(element: XmlElement, name: string, read: (part: XmlElement) => T): T | undefined {
  const [part, ...more] = element.children.filter((child) => child.name === name);
  if (more.length > 0) throw malformed(`${name} occurs twice in ${element.name}`);
  return part && read(part);
}

function invalidRequest(message: string): S3Refusal {
  return new S3Refusal("InvalidRequest", message);
}

import type {
  Lifecycle,
  LifecycleConditions,
  LifecycleExpiration,
  LifecycleRule,
} from "../../../object/index.ts";
import { isoTime } from "../../render/document.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import { LIFECYCLE_ROOT } from "./read.ts";

export function renderLifecycle({ rules }: Lifecycle): string {
  const xml = new XmlWriter(LIFECYCLE_ROOT, S3_NAMESPACE);
  for (const rule of rules) xml.element("Rule", () => writeRule(xml, rule));
  return xml.end();
}

function writeRule(xml: XmlWriter, rule: LifecycleRule): void {
  const { scope, expiration, noncurrentExpiration, abortUploadsAfterDays } = rule;
  xml.leaf("ID", rule.id);
  if (scope.kind === "prefix") xml.leaf("Prefix", scope.prefix);
  else {
    const { and } = scope.filter;
    xml.element("Filter", () => {
      writeConditions(xml, scope.filter);
      if (and !== undefined) xml.element("And", () => writeConditions(xml, and));
    });
  }
  xml.leaf("Status", rule.isEnabled ? "Enabled" : "Disabled");
  if (expiration !== undefined) xml.element("Expiration", () => writeExpiration(xml, expiration));
  if (noncurrentExpiration !== undefined) {
    xml.element("NoncurrentVersionExpiration", () => {
      xml.leaf("NoncurrentDays", noncurrentExpiration.days);
      xml.leaf("NewerNoncurrentVersions", noncurrentExpiration.newerVersions);
    });
  }
  if (abortUploadsAfterDays !== undefined) {
    xml.element("AbortIncompleteMultipartUpload", () => {
      xml.leaf("DaysAfterInitiation", abortUploadsAfterDays);
    });
  }
}

function writeConditions(xml: XmlWriter, conditions: LifecycleConditions): void {
  xml.leaf("Prefix", conditions.prefix);
  for (const { key, value } of conditions.tags) {
    xml.element("Tag", () => {
      xml.leaf("Key", key).leaf("Value", value);
    });
  }
  xml.leaf("ObjectSizeGreaterThan", conditions.greaterThan);
  xml.leaf("ObjectSizeLessThan", conditions.lessThan);
}

function writeExpiration(xml: XmlWriter, expiration: LifecycleExpiration): void {
  switch (expiration.kind) {
    case "days":
      xml.leaf("Days", expiration.days);
      break;
    case "date":
      xml.leaf("Date", isoTime(expiration.dateMs));
      break;
    case "markers":
      xml.leaf("ExpiredObjectDeleteMarker", expiration.isOn);
      break;
  }
}

import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import { WEBSITE_ROOT } from "./read.ts";
import type { RoutingRule, Website } from "./website.ts";

export function renderWebsite(website: Website): string {
  const xml = new XmlWriter(WEBSITE_ROOT, S3_NAMESPACE);
  if (website.kind === "redirect") {
    xml.element("RedirectAllRequestsTo", () => {
      xml.leaf("HostName", website.hostName).leaf("Protocol", website.protocol);
    });
    return xml.end();
  }
  const { indexSuffix, errorKey, rules } = website;
  xml.element("IndexDocument", () => xml.leaf("Suffix", indexSuffix));
  if (errorKey !== undefined) xml.element("ErrorDocument", () => xml.leaf("Key", errorKey));
  if (rules.length > 0) {
    xml.element("RoutingRules", () => {
      for (const rule of rules) xml.element("RoutingRule", () => renderRule(xml, rule));
    });
  }
  return xml.end();
}

function renderRule(xml: XmlWriter, { condition, redirect }: RoutingRule): void {
  const { keyPrefix, errorStatus } = condition;
  if (keyPrefix !== undefined || errorStatus !== undefined) {
    xml.element("Condition", () => {
      xml.leaf("KeyPrefixEquals", keyPrefix).leaf("HttpErrorCodeReturnedEquals", errorStatus);
    });
  }
  const { protocol, hostName, key, status } = redirect;
  xml.element("Redirect", () => {
    xml.leaf("Protocol", protocol).leaf("HostName", hostName);
    if (key !== undefined) {
      xml.leaf(key.kind === "prefix" ? "ReplaceKeyPrefixWith" : "ReplaceKeyWith", key.text);
    }
    xml.leaf("HttpRedirectCode", status);
  });
}

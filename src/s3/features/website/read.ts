/** A website in XML, checked as S3 checks it and refused with its words. */

import { MAX_KEY_BYTES } from "../../../object/index.ts";
import { invalidArgument, S3Refusal } from "../../errors.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../../xml/reader.ts";
import {
  type KeyReplacement,
  MAX_ROUTING_RULES,
  type Protocol,
  type RoutingCondition,
  type RoutingRedirect,
  type RoutingRule,
  type Website,
} from "./website.ts";

export const WEBSITE_ROOT = "WebsiteConfiguration";
/** A host and maybe a port; in S3 too, a path may follow where all requests are redirected. */
const HOST_NAME = /^[A-Za-z0-9_.-]{1,255}(?::\d{1,5})?$/;
const HOST_AND_PATH = /^[A-Za-z0-9_.-]{1,255}(?::\d{1,5})?(?:\/[!-;=?-[\]_a-z~]{0,767})?$/;

export function readWebsite(root: XmlElement): Website {
  childrenOf(root, ["RedirectAllRequestsTo", "IndexDocument", "ErrorDocument", "RoutingRules"]);
  const redirectAll = partOf(root, "RedirectAllRequestsTo");
  if (redirectAll !== undefined) {
    if (root.children.length > 1) {
      throw invalidArgument(
        "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
        "RedirectAllRequestsTo",
        "not null",
      );
    }
    return readRedirectAll(redirectAll);
  }
  const errorKey = readErrorKey(root);
  return {
    kind: "documents",
    indexSuffix: readIndexSuffix(root),
    ...(errorKey !== undefined && { errorKey }),
    rules: readRules(root),
  };
}

function readRedirectAll(element: XmlElement): Website {
  childrenOf(element, ["HostName", "Protocol"]);
  const hostName = textOf(element, "HostName")?.trim() ?? "";
  if (!HOST_AND_PATH.test(hostName)) throw malformed("RedirectAllRequestsTo has a HostName");
  const protocol = readProtocol(element);
  return { kind: "redirect", hostName, ...(protocol && { protocol }) };
}

function readIndexSuffix(root: XmlElement): string {
  const element = partOf(root, "IndexDocument");
  if (element === undefined) {
    throw invalidArgument(
      "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
      "IndexDocument",
      "null",
    );
  }
  childrenOf(element, ["Suffix"]);
  const suffix = textOf(element, "Suffix") ?? "";
  if (suffix === "" || suffix.includes("/") || isTooLong(suffix)) {
    throw invalidArgument("The IndexDocument Suffix is not well formed", "IndexDocument", suffix);
  }
  return suffix;
}

function readErrorKey(root: XmlElement): string | undefined {
  const element = partOf(root, "ErrorDocument");
  if (element === undefined) return undefined;
  childrenOf(element, ["Key"]);
  const key = textOf(element, "Key") ?? "";
  if (key === "" || isTooLong(key)) {
    throw invalidArgument("The ErrorDocument Key is not well formed", "ErrorDocument", key);
  }
  return key;
}

function readRules(root: XmlElement): readonly RoutingRule[] {
  const element = partOf(root, "RoutingRules");
  if (element === undefined) return [];
  const rules = childrenOf(element, ["RoutingRule"]);
  if (rules.length === 0) throw malformed("RoutingRules has a RoutingRule");
  if (rules.length > MAX_ROUTING_RULES) {
    throw invalidRequest(
      `${rules.length} routing rules provided, the number of routing rules in a website configuration is limited to ${MAX_ROUTING_RULES}.`,
    );
  }
  return rules.map(readRule);
}

function readRule(element: XmlElement): RoutingRule {
  childrenOf(element, ["Condition", "Redirect"]);
  const condition = partOf(element, "Condition");
  const redirect = partOf(element, "Redirect");
  if (redirect === undefined) throw malformed("a RoutingRule has a Redirect");
  return { condition: condition ? readCondition(condition) : {}, redirect: readRedirect(redirect) };
}

function readCondition(element: XmlElement): RoutingCondition {
  if (childrenOf(element, ["KeyPrefixEquals", "HttpErrorCodeReturnedEquals"]).length === 0) {
    throw invalidRequest(
      "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.",
    );
  }
  const keyPrefix = readKeyText(element, "KeyPrefixEquals");
  const status = textOf(element, "HttpErrorCodeReturnedEquals")?.trim();
  if (status !== undefined && !/^[45]\d\d$/.test(status)) {
    throw invalidRequest(
      `The provided HTTP error code (${status}) is not valid. Valid codes are 4XX or 5XX.`,
    );
  }
  return {
    ...(keyPrefix !== undefined && { keyPrefix }),
    ...(status !== undefined && { errorStatus: Number(status) }),
  };
}

function readRedirect(element: XmlElement): RoutingRedirect {
  const parts = ["Protocol", "HostName", "ReplaceKeyPrefixWith", "ReplaceKeyWith", "HttpRedirectCode"];
  if (childrenOf(element, parts).length === 0) throw malformed("a Redirect says where to");
  const protocol = readProtocol(element);
  const hostName = textOf(element, "HostName")?.trim();
  if (hostName !== undefined && !HOST_NAME.test(hostName)) throw malformed("HostName is a host");
  const status = textOf(element, "HttpRedirectCode")?.trim();
  if (status !== undefined && !/^3(?!00)\d\d$/.test(status)) {
    throw invalidRequest(
      `The provided HTTP redirect code (${status}) is not valid. Valid codes are 3XX except 300.`,
    );
  }
  const key = readReplacement(element);
  return {
    ...(protocol && { protocol }),
    ...(hostName !== undefined && { hostName }),
    ...(key && { key }),
    ...(status !== undefined && { status: Number(status) }),
  };
}

function readReplacement(element: XmlElement): KeyReplacement | undefined {
  const prefix = readKeyText(element, "ReplaceKeyPrefixWith");
  const whole = readKeyText(element, "ReplaceKeyWith");
  if (prefix !== undefined && whole !== undefined) {
    throw invalidRequest("You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
  }
  if (prefix !== undefined) return { kind: "prefix", text: prefix };
  return whole === undefined ? undefined : { kind: "whole", text: whole };
}

function readProtocol(element: XmlElement): Protocol | undefined {
  const text = textOf(element, "Protocol")?.trim().toLowerCase();
  if (text === undefined || text === "http" || text === "https") return text;
  throw invalidRequest(
    "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.",
  );
}

function readKeyText(element: XmlElement, name: string): string | undefined {
  const text = textOf(element, name);
  if (text !== undefined && isTooLong(text)) {
    throw malformed(`${name} has at most ${MAX_KEY_BYTES} bytes`);
  }
  return text;
}

function partOf(element: XmlElement, name: string): XmlElement | undefined {
  const found = element.children.filter((child) => child.name === name);
  if (found.length > 1) throw malformed(`${name} occurs twice in ${element.name}`);
  return found[0];
}

function isTooLong(text: string): boolean {
  return Buffer.byteLength(text, "utf8") > MAX_KEY_BYTES;
}

function invalidRequest(message: string): S3Refusal {
  return new S3Refusal("InvalidRequest", message);
}

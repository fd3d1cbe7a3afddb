/** Where a website sends its visitors. Whatever a visitor said is encoded, so that it can neither end the header nor name another host. Pure. */

import { percentEncodePath } from "../../parse/percent.ts";
import type { Visit } from "./visit.ts";
import type { RoutingRule, Website } from "./website.ts";

const DEFAULT_STATUS = 301;

export interface Redirection {
  readonly status: number;
  readonly location: string;
}

/** Everything of this website is elsewhere. */
export function redirectionOfAll(
  website: Extract<Website, { kind: "redirect" }>,
  { key, query, protocol }: Visit,
): Redirection {
  const base = `${website.protocol ?? protocol}://${website.hostName.replace(/\/$/, "")}`;
  return { status: DEFAULT_STATUS, location: `${base}/${encodedKey(key)}${query}` };
}

export function redirectionOfRule({ condition, redirect }: RoutingRule, visit: Visit): Redirection {
  const { protocol = visit.protocol, hostName = visit.host, status = DEFAULT_STATUS } = redirect;
  const key = replacedKey(condition.keyPrefix ?? "", redirect.key, visit.key);
  // A key that the rule gave parameters of its own, or that is a place in a page, has all that it is to have.
  const query = /[?#]/.test(key) ? "" : visit.query;
  return { status, location: `${protocol}://${hostName}/${key}${query}` };
}

/** A directory was asked for without the slash at its end. */
export function redirectionToDirectory({ key, query, protocol, host }: Visit): Redirection {
  return { status: 302, location: `${protocol}://${host}/${encodedKey(key)}/${query}` };
}

/** Where a single object redirects: its owner's own words. */
export function redirectionOfObject(location: string): Redirection {
  return { status: DEFAULT_STATUS, location: encodedText(location) };
}

function replacedKey(prefix: string, replacement: RoutingRule["redirect"]["key"], key: string): string {
  switch (replacement?.kind) {
    case undefined:
      return encodedKey(key);
    case "prefix":
      return encodedText(replacement.text) + encodedKey(key.slice(prefix.length));
    case "whole":
      return encodedText(replacement.text);
  }
}

function encodedKey(key: string): string {
  return percentEncodePath(key);
}

/** What the owner wrote stays as it is (`#!/` is meant), but for what no URL can hold. */
function encodedText(text: string): string {
  return text.replace(/[^!#-;=?-[\]_a-z~]/gu, (character) =>
    encodeURIComponent(character.isWellFormed() ? character : "\ufffd"),
  );
}

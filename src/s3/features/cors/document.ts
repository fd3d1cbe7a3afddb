import { S3Refusal } from "../../errors.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../../xml/reader.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import { CORS_METHODS, type CorsRule, MAX_CORS_RULES } from "./rules.ts";

export const CORS_ROOT = "CORSConfiguration";
const MAX_ID_CHARACTERS = 255;
/** What a header may be made of (RFC 9110, section 5.6.2), and the star. */
const HEADER_PATTERN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/;
const MAX_AGE_SECONDS = 2 ** 31 - 1;

export function readCors(root: XmlElement): readonly CorsRule[] {
  const rules = childrenOf(root, ["CORSRule"]).map(readRule);
  if (rules.length === 0) throw malformed("CORSConfiguration has no CORSRule");
  if (rules.length > MAX_CORS_RULES) throw malformed(`CORSConfiguration has at most ${MAX_CORS_RULES} rules`);
  return rules;
}

function readRule(element: XmlElement): CorsRule {
  childrenOf(element, [
    "ID",
    "AllowedOrigin",
    "AllowedMethod",
    "AllowedHeader",
    "ExposeHeader",
    "MaxAgeSeconds",
  ]);
  const all = (name: string): readonly string[] =>
    element.children.filter((child) => child.name === name).map(({ text }) => text.trim());
  const [origins, methods] = [all("AllowedOrigin"), all("AllowedMethod")];
  if (origins.length === 0 || methods.length === 0) throw malformed("a CORSRule has an origin and a method");
  const headers = all("AllowedHeader").map((name) => name.toLowerCase());
  const exposed = all("ExposeHeader");
  checkMethods(methods);
  for (const origin of origins) checkStars("AllowedOrigin", origin, /^[\x21-\x7e]{1,2048}$/);
  for (const name of headers) checkStars("AllowedHeader", name, HEADER_PATTERN);
  for (const name of exposed) {
    if (!HEADER_PATTERN.test(name) || name.includes("*")) {
      throw new S3Refusal(
        "InvalidRequest",
        `ExposeHeader "${name}" contains wildcard. We currently do not support wildcard in ExposeHeader.`,
      );
    }
  }
  return { id: readId(element), origins, methods, headers, exposed, maxAgeSeconds: readMaxAge(element) };
}

function checkMethods(methods: readonly string[]): void {
  for (const method of methods) {
    if (CORS_METHODS.has(method)) continue;
    throw new S3Refusal(
      "InvalidRequest",
      `Found unsupported HTTP method in CORS config. Unsupported method is ${method}`,
    );
  }
}

function checkStars(element: string, value: string, form: RegExp): void {
  if (!form.test(value)) throw malformed(`${element} has characters that none has`);
  if (value.indexOf("*") === value.lastIndexOf("*")) return;
  throw new S3Refusal("InvalidRequest", `${element} "${value}" can not have more than one wildcard.`);
}

function readId(element: XmlElement): string | undefined {
  const id = textOf(element, "ID");
  if (id !== undefined && id.length > MAX_ID_CHARACTERS)
    throw malformed(`an ID has at most ${MAX_ID_CHARACTERS} characters`);
  return id;
}

function readMaxAge(element: XmlElement): number | undefined {
  const text = textOf(element, "MaxAgeSeconds")?.trim();
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text) || Number(text) > MAX_AGE_SECONDS)
    throw malformed("MaxAgeSeconds is a number of seconds");
  return Number(text);
}

export function renderCors(rules: readonly CorsRule[]): string {
  const xml = new XmlWriter(CORS_ROOT, S3_NAMESPACE);
  for (const rule of rules) {
    xml.element("CORSRule", () => {
      xml.leaf("ID", rule.id);
      for (const method of rule.methods) xml.leaf("AllowedMethod", method);
      for (const origin of rule.origins) xml.leaf("AllowedOrigin", origin);
      for (const header of rule.headers) xml.leaf("AllowedHeader", header);
      for (const header of rule.exposed) xml.leaf("ExposeHeader", header);
      xml.leaf("MaxAgeSeconds", rule.maxAgeSeconds);
    });
  }
  return xml.end();
}

import type { IdentityTag, PageRequest } from "../../identity/index.ts";
import { S3Refusal } from "../errors.ts";

/** Greatest body of a call, in bytes: a policy of 20 KiB may be three times as long when it is encoded. */
export const MAX_QUERY_BODY_BYTES = 256 * 1024;
/** In which it comes, in milliseconds; one that stands still is given up as all bodies are. */
export const MAX_QUERY_BODY_MS = 30_000;
/** Most members of one list. */
const MAX_MEMBERS = 100;

/** The parameters of one call of the query protocol, each of them named once. */
export class QueryParametersOf {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  /** Their names; of lists and structures the first part. */
  names(): ReadonlySet<string> {
    return new Set([...this.#values.keys()].map((name) => name.split(".", 1)[0] ?? ""));
  }

  optional(name: string): string | undefined {
    return this.#values.get(name);
  }

  required(name: string): string {
    const value = this.#values.get(name);
    if (value !== undefined && value !== "") return value;
    throw invalid(`The request must contain the parameter ${name}.`);
  }

  number(name: string): number | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    if (!/^\d{1,9}$/.test(value)) throw invalid(`The parameter ${name} is a number.`);
    return Number(value);
  }

  flag(name: string): boolean {
    return this.#values.get(name)?.toLowerCase() === "true";
  }

  /** `Name.member.1`, `Name.member.2`, ... with what follows, if anything does. */
  list(name: string, member = ""): readonly string[] {
    const values: string[] = [];
    for (let index = 1; index <= MAX_MEMBERS + 1; index += 1) {
      const value = this.#values.get(`${name}.member.${index}${member}`);
      if (value === undefined) return values;
      values.push(value);
    }
    throw invalid(`The parameter ${name} has more than ${MAX_MEMBERS} members.`);
  }

  tags(): readonly IdentityTag[] {
    const keys = this.list("Tags", ".Key");
    const values = this.list("Tags", ".Value");
    if (keys.length !== values.length) throw invalid("A tag has a Key and a Value.");
    return keys.map((name, index) => ({ name, value: values[index] ?? "" }));
  }

  page(): PageRequest & { readonly pathPrefix: string } {
    return {
      marker: this.optional("Marker"),
      maxItems: this.number("MaxItems"),
      pathPrefix: this.optional("PathPrefix") ?? "/",
    };
  }
}

/** Refuses what is not UTF-8, and a parameter that is there twice: two readers could take two different ones. */
export function readParameters(body: Uint8Array): QueryParametersOf {
  const values = new Map<string, string>();
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    for (const pair of text.split("&")) {
      if (pair === "") continue;
      const at = pair.indexOf("=");
      const name = decode(at < 0 ? pair : pair.slice(0, at));
      if (values.has(name)) throw invalid(`The parameter ${name.slice(0, 64)} is there twice.`);
      values.set(name, at < 0 ? "" : decode(pair.slice(at + 1)));
    }
  } catch (error) {
    if (error instanceof S3Refusal) throw error;
    throw invalid("The request is not encoded as application/x-www-form-urlencoded.");
  }
  return new QueryParametersOf(values);
}

function decode(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}

export function invalid(message: string): S3Refusal {
  return new S3Refusal("ValidationError", message);
}

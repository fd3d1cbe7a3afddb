/**
 * JSON as policies have it, read strictly: RFC 8259, and beyond it no member twice. `JSON.parse` keeps the last of two members of one name, so
 * that a reader of the text and a reader of the value could see different policies.
 */

import { AccessError } from "../errors.ts";

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** Greatest nesting of arrays and objects. */
const MAX_DEPTH = 16;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: a string of JSON has none of them.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;
const LITERALS: readonly (readonly [string, JsonValue])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

/** Throws AccessError "policy-malformed". */
export function readStrictJson(text: string): JsonValue {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw this.#malformed("is nested too deeply");
    this.#token(SPACE);
    const first = this.#text[this.#at];
    if (first === "{") return this.#object(depth);
    if (first === "[") return this.#array(depth);
    if (first === '"') return this.#string();
    for (const [word, value] of LITERALS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    const number = this.#token(NUMBER);
    if (number === "") throw this.#malformed("is not JSON");
    return Number(number);
  }

  end(): void {
    this.#token(SPACE);
    if (this.#at !== this.#text.length) throw this.#malformed("goes on after its end");
  }

  #object(depth: number): JsonObject {
    const members: Record<string, JsonValue> = Object.create(null);
    this.#at += 1;
    if (this.#skip("}")) return members;
    do {
      this.#token(SPACE);
      const name = this.#string();
      if (Object.hasOwn(members, name)) throw this.#malformed(`has the member "${name.slice(0, 64)}" twice`);
      if (!this.#skip(":")) throw this.#malformed("is not JSON");
      members[name] = this.value(depth + 1);
    } while (this.#skip(","));
    if (!this.#skip("}")) throw this.#malformed("is not JSON");
    return members;
  }

  #array(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.#at += 1;
    if (this.#skip("]")) return items;
    do items.push(this.value(depth + 1));
    while (this.#skip(","));
    if (!this.#skip("]")) throw this.#malformed("is not JSON");
    return items;
  }

  #string(): string {
    const token = this.#token(STRING);
    if (token === "") throw this.#malformed("is not JSON");
    return JSON.parse(token) as string;
  }

  /** The sign at this place, after white space. */
  #skip(sign: string): boolean {
    this.#token(SPACE);
    if (this.#text[this.#at] !== sign) return false;
    this.#at += 1;
    return true;
  }

  #token(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const token = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += token.length;
    return token;
  }

  #malformed(what: string): AccessError {
    return new AccessError("policy-malformed", `the policy ${what} (at character ${this.#at})`);
  }
}

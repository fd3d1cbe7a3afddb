import {
  copiesOf,
  escapeKey,
  objectReferrer,
  parseReferenceKey,
  partReferrer,
  referenceKey,
  unescapeKey,
} from "../../../src/meta/keys.ts";
import { type FuzzTarget, same, text, textOf, utf8 } from "../target.ts";

const BLOB = `${"0".repeat(31)}1`;

/** Keys of rows: object keys go in and come out, in order; references are read back as they were written. */
export const metaKeys: FuzzTarget = {
  name: "meta-keys",
  maxBytes: 300,
  dictionary: ["\u0000", "\u0001", "\u0002", "\uffff", "\u{10000}", "/", "o", "p"],
  seeds: () => [
    text(referenceKey(BLOB, objectReferrer(5n, "a\u0000b", new Uint8Array(16)))),
    text(referenceKey(BLOB, partReferrer(new Uint8Array(16).fill(3), 7))),
    text("photos/2024/\u{1F600}"),
  ],
  property: (input) => {
    const key = utf8(input);
    same(unescapeKey(escapeKey(key)), key, "an escaped key");
    const other = `${key}\u0000`;
    if (Buffer.compare(text(escapeKey(key)), text(escapeKey(other))) >= 0)
      throw new Error("escaping changes the order");
    const parsed = parseReferenceKey(key);
    copiesOf(key);
    if (parsed === undefined) return "no reference";
    const { blobHex, referrer } = parsed;
    return `${textOf(referrer).slice(0, 12)} ${blobHex.length}`;
  },
};

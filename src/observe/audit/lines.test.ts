import { expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import { PlainHasher } from "../../platform/node/index.ts";
import { AuditLines } from "./lines.ts";
import { type AuditEntry, CHAIN_START, parseLine, prepareEntry } from "./record.ts";

const FIELDS = [
  "requestId",
  "keyFingerprint",
  "role",
  "organization",
  "project",
  "namespace",
  "bucket",
  "key",
  "operation",
  "outcome",
  "sourceAddress",
] as const;
const CHARACTERS = [
  "a",
  "~",
  " ",
  "!",
  '"',
  "\\",
  "[",
  "]",
  "#",
  "/",
  "\n",
  "\u0000",
  "\u007f",
  "é",
  "\u2028",
  "😀",
  "\ud800",
];

it("are what JSON.stringify makes of their entries, each with the hash that it goes on to", () => {
  const seed = String(Date.now());
  console.log(`seed ${seed}`);
  const random = createPrng(seed);
  const hasher = new PlainHasher();
  const lines = new AuditLines(hasher);
  const text = (): string => {
    const length = random.pick([0, 1, 3, 20, 1023, 1024, 1025, 3000]);
    return Array.from({ length }, () => random.pick(CHARACTERS))
      .join("")
      .slice(0, length);
  };
  let previous: Uint8Array = CHAIN_START;
  let sequence = 1;
  for (let batch = 0; batch < 20; batch++) {
    const entries = Array.from({ length: random.pick([1, 2, 10]) }, () => {
      const some = FIELDS.filter((name) => name === "requestId" || random.chance(0.5));
      return Object.fromEntries(some.map((name) => [name, text()])) as unknown as AuditEntry;
    });
    const first = sequence;
    const time = new Date(1_700_000_000_000 + batch).toISOString();
    lines.begin(previous);
    for (const entry of entries) lines.add(prepareEntry(entry, time), sequence++);
    const written = new TextDecoder().decode(lines.bytes).split("\n");
    expect(written.pop()).toBe("");
    for (const [at, line] of written.entries()) {
      const { hash, ...shown } = JSON.parse(line) as Record<string, unknown>;
      const entry = entries[at] as AuditEntry;
      const expected = {
        sequence: first + at,
        time,
        ...Object.fromEntries(
          FIELDS.flatMap((name) => (name in entry ? [[name, cut(String(entry[name]))]] : [])),
        ),
      };
      expect(shown).toEqual(expected);
      expect(line).toBe(`${JSON.stringify(expected).slice(0, -1)},"hash":"${String(hash)}"}`);
      const parsed = parseLine(line);
      expect(parsed?.follows(previous, hasher)).toBe(true);
      previous = parsed!.hash;
    }
    expect(lines.hash).toEqual(previous);
  }
});

function cut(value: string): string {
  return value.length <= 1024 ? value : `${value.slice(0, 1024)}...`;
}

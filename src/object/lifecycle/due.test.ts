/** The promise: a rule acts on what it names, at the midnight that S3 would name, and on nothing else. */
import { describe, expect, it } from "vitest";
import {
  DAY_MS,
  dueMs,
  expirationOf,
  markerExpirationOf,
  matches,
  noncurrentExpirationOf,
  uploadExpirationOf,
} from "./due.ts";
import type { Lifecycle, LifecycleFilter, LifecycleRule } from "./rules.ts";

const at = (text: string) => Date.parse(text);
const filtered = (filter: Partial<LifecycleFilter>, more: Partial<LifecycleRule> = {}): LifecycleRule => ({
  id: "rule",
  isEnabled: true,
  scope: { kind: "filter", filter: { tags: [], ...filter } },
  ...more,
});
const lifecycle = (...rules: LifecycleRule[]): Lifecycle => ({
  rules,
  transitionMinimumSize: "all_storage_classes_128K",
});
const days = (count: number) => ({ expiration: { kind: "days", days: count } as const });
const object = (key: string, size = 10, tags: readonly { key: string; value: string }[] = []) => ({
  key,
  size,
  tags,
  modifiedAtMs: at("2024-01-15T10:30:00Z"),
});

describe("days", () => {
  it.each([
    // The example of S3's documentation.
    ["2024-01-15T10:30:00Z", 3, "2024-01-19T00:00:00Z"],
    ["2024-01-15T00:00:00Z", 1, "2024-01-16T00:00:00Z"],
    ["2024-01-15T00:00:00.001Z", 1, "2024-01-17T00:00:00Z"],
    ["2024-02-28T23:59:59Z", 1, "2024-03-01T00:00:00Z"],
  ])("%s and %d days come to %s", (from, count, expected) => {
    expect(dueMs(at(from), count, DAY_MS)).toBe(at(expected));
  });

  it("that are shortened are not rounded", () => {
    expect(dueMs(1_234, 2, 10_000)).toBe(21_234);
  });
});

describe("conditions", () => {
  const tag = { key: "k", value: "v" };
  it.each<[string, LifecycleRule, ReturnType<typeof object>, boolean]>([
    ["no condition", filtered({}), object("a"), true],
    ["a prefix", filtered({ prefix: "a/" }), object("a/b"), true],
    ["another prefix", filtered({ prefix: "a/" }), object("a"), false],
    ["the older form", { ...filtered({}), scope: { kind: "prefix", prefix: "a" } }, object("b"), false],
    ["greater", filtered({ greaterThan: 9 }), object("a"), true],
    ["greater is not equal", filtered({ greaterThan: 10 }), object("a"), false],
    ["less", filtered({ lessThan: 11 }), object("a"), true],
    ["less is not equal", filtered({ lessThan: 10 }), object("a"), false],
    ["a tag", filtered({ tags: [tag] }), object("a", 1, [{ key: "x", value: "y" }, tag]), true],
    ["another value", filtered({ tags: [tag] }), object("a", 1, [{ key: "k", value: "w" }]), false],
    ["all of And", filtered({ and: { prefix: "a", tags: [tag] } }), object("a", 1, [tag]), true],
    ["not all of And", filtered({ and: { prefix: "a", tags: [tag] } }), object("a"), false],
    ["one of two parts", filtered({ prefix: "a/", and: { prefix: "b", tags: [] } }), object("a/b"), false],
    ["a rule that is off", filtered({}, { isEnabled: false }), object("a"), false],
  ])("%s", (_, rule, subject, expected) => {
    expect(matches(rule, subject)).toBe(expected);
  });

  it("of size or tags are about versions, and no marker or upload has them", () => {
    const marker = { key: "a", modifiedAtMs: 0 };
    expect(markerExpirationOf(lifecycle(filtered({ lessThan: 5 }, days(1))), marker, DAY_MS)).toBeUndefined();
    expect(markerExpirationOf(lifecycle(filtered({ tags: [tag] }, days(1))), marker, DAY_MS)).toBeUndefined();
  });
});

describe("what comes first", () => {
  it("decides of several rules", () => {
    const rules = lifecycle(
      filtered({}, { id: "late", ...days(9) }),
      filtered({ prefix: "a" }, { id: "early", ...days(1) }),
      filtered({ prefix: "b" }, { id: "other", expiration: { kind: "date", dateMs: 0 } }),
    );
    expect(expirationOf(rules, object("a"), DAY_MS)?.rule.id).toBe("early");
    expect(expirationOf(rules, object("b"), DAY_MS)).toMatchObject({ atMs: 0, rule: { id: "other" } });
    expect(expirationOf(rules, object("c"), DAY_MS)?.rule.id).toBe("late");
  });

  it("is never for a rule about markers", () => {
    const rules = lifecycle(filtered({}, { expiration: { kind: "markers", isOn: true } }));
    expect(expirationOf(rules, object("a"), DAY_MS)).toBeUndefined();
  });
});

describe("noncurrent versions", () => {
  const rules = lifecycle(filtered({}, { noncurrentExpiration: { days: 2, newerVersions: 3 } }));
  const version = (newerVersions: number) => ({
    ...object("a"),
    noncurrentSinceMs: at("2024-01-15T10:30:00Z"),
    newerVersions,
  });
  it("go once so many are newer", () => {
    expect(noncurrentExpirationOf(rules, version(2), DAY_MS)).toBeUndefined();
    expect(noncurrentExpirationOf(rules, version(3), DAY_MS)?.atMs).toBe(at("2024-01-18T00:00:00Z"));
  });
});

describe("delete markers", () => {
  const marker = { key: "a", modifiedAtMs: at("2024-01-15T10:30:00Z") };
  it.each<[string, LifecycleRule, number | undefined]>([
    ["by a rule about them: at once", filtered({}, { expiration: { kind: "markers", isOn: true } }), 0],
    ["by one that is turned off", filtered({}, { expiration: { kind: "markers", isOn: false } }), undefined],
    ["by days", filtered({}, days(1)), at("2024-01-17T00:00:00Z")],
    ["by a date: not", filtered({}, { expiration: { kind: "date", dateMs: 0 } }), undefined],
  ])("%s", (_, rule, expected) => {
    expect(markerExpirationOf(lifecycle(rule), marker, DAY_MS)?.atMs).toBe(expected);
  });
});

it("uploads are aborted by the rules about them", () => {
  const upload = { key: "a", initiatedAtMs: at("2024-01-15T10:30:00Z") };
  const rules = lifecycle(filtered({ prefix: "a" }, { abortUploadsAfterDays: 7 }), filtered({}, days(1)));
  expect(uploadExpirationOf(rules, upload, DAY_MS)?.atMs).toBe(at("2024-01-23T00:00:00Z"));
  expect(uploadExpirationOf(rules, { ...upload, key: "b" }, DAY_MS)).toBeUndefined();
});

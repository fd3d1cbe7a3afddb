import { invalid } from "../errors.ts";
import { parseFilter } from "../filter/parse-filter.ts";
import { parseChanges, parseDocument, parsePatch } from "./parse-document.ts";
import { at, quoted, readArray, readObject } from "./plain.ts";
import { readId } from "./scalar.ts";
import type { WriteBatch } from "./write-batch.ts";

const KEYS = [
  "upserts",
  "patches",
  "deletes",
  "delete_by_filter",
  "patch_by_filter",
  "if",
  "if_version",
] as const;

/** A batch from its plain form (docs/internals/search.md, Batches). `fitBatch` checks it against the schema. */
export function parseBatch(plain: unknown, path = ""): WriteBatch {
  const given = readObject(plain, KEYS, path);
  const { delete_by_filter: deleteBy, patch_by_filter: patchBy, if: condition } = given;
  return {
    upserts: listOf(given.upserts, "upserts", parseDocument),
    patches: listOf(given.patches, "patches", parsePatch),
    deletes: listOf(given.deletes, "deletes", readId),
    ...(deleteBy === undefined ? {} : { deleteByFilter: parseFilter(deleteBy, "delete_by_filter") }),
    ...(patchBy === undefined ? {} : { patchByFilter: parsePatchByFilter(patchBy) }),
    ...(condition === undefined ? {} : { condition: parseFilter(condition, "if") }),
    ...(given.if_version === undefined ? {} : { ifVersion: readVersion(given.if_version) }),
  };
}

function listOf<T>(plain: unknown, path: string, parse: (plain: unknown, path: string) => T): readonly T[] {
  if (plain === undefined) return [];
  return readArray(plain, path, "batchDocuments").map((one, i) => parse(one, `${path}[${i}]`));
}

function parsePatchByFilter(plain: unknown): NonNullable<WriteBatch["patchByFilter"]> {
  const path = "patch_by_filter";
  const { filter, set } = readObject(plain, ["filter", "set"], path);
  return { filter: parseFilter(filter, `${path}.filter`), set: parseChanges(set, `${path}.set`) };
}

function readVersion(plain: unknown): bigint {
  if (typeof plain === "bigint" && plain >= 0n) return plain;
  if (typeof plain === "number" && Number.isSafeInteger(plain) && plain >= 0) return BigInt(plain);
  throw invalid(`${at("if_version")}${quoted(plain)} is no version`, { path: "if_version" });
}

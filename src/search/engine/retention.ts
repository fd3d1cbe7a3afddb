/** How far the past of a namespace can be read, and since when. */

import { create } from "@bufbuild/protobuf";
import { type NamespaceRow, NamespaceSettingsSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { NamespaceSettings } from "../service.ts";
import { settingsOf } from "./namespace-info.ts";
import { LEAST_RETENTION_MS } from "./state-limits.ts";

/** So much later than it was asked for, in milliseconds, a longer retention may take effect: until then rows are trimmed by the shorter one. */
const TAKES_EFFECT_MS = 60_000;

/** How long rows of the past are kept, in milliseconds. */
export function retentionMs({ settings }: Pick<NamespaceRow, "settings">): number {
  return keptMs(Number(settings?.retentionSeconds ?? 0n));
}

/** Of what was replaced before this time, rows may be gone. In milliseconds of leader time, which is `nowMs` now. */
export function historyFromMs(row: Pick<NamespaceRow, "settings">, nowMs: number): number {
  return Math.max(nowMs - retentionMs(row), Number(row.settings?.historyFromMs ?? 0n));
}

/** Of a new namespace. */
export function newSettings(settings: NamespaceSettings) {
  return storedSettings(settings, 0);
}

/** A longer retention reaches back to states that a shorter one has let go: from when on all are there is stored beside it. `nowMs`: of leader time, or later. */
export function changedSettings(row: NamespaceRow, changes: Partial<NamespaceSettings>, nowMs: number) {
  const settings = { ...settingsOf(row), ...changes };
  const isLonger = keptMs(settings.retentionSeconds) > retentionMs(row);
  const known = Number(row.settings?.historyFromMs ?? 0n);
  return storedSettings(settings, isLonger ? historyFromMs(row, nowMs + TAKES_EFFECT_MS) : known);
}

function keptMs(retentionSeconds: number): number {
  return Math.max(retentionSeconds * 1000, Number(LEAST_RETENTION_MS));
}

function storedSettings({ defaultTtlSeconds, retentionSeconds, pinned }: NamespaceSettings, fromMs: number) {
  return create(NamespaceSettingsSchema, {
    defaultTtlSeconds: BigInt(defaultTtlSeconds),
    retentionSeconds: BigInt(retentionSeconds),
    pinned,
    historyFromMs: BigInt(Math.floor(fromMs)),
  });
}

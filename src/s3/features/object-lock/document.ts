import type { LegalHold, Retention } from "../../../object/index.ts";
import { isRetentionMode, parseIsoTime } from "../../parse/object-lock.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../../xml/reader.ts";

/** An empty document takes the retention away. */
export function readRetention(root: XmlElement): Retention | undefined {
  const children = childrenOf(root, ["Mode", "RetainUntilDate"]);
  if (children.length === 0) return undefined;
  const mode = textOf(root, "Mode")?.trim() ?? "";
  const untilMs = parseIsoTime(textOf(root, "RetainUntilDate")?.trim() ?? "");
  if (!isRetentionMode(mode)) throw malformed("Mode is GOVERNANCE or COMPLIANCE");
  if (untilMs === undefined) throw malformed("RetainUntilDate is a time in ISO 8601");
  return { mode, untilMs };
}

export function readLegalHold(root: XmlElement): LegalHold {
  childrenOf(root, ["Status"]);
  const status = textOf(root, "Status")?.trim();
  if (status !== "ON" && status !== "OFF") throw malformed("Status is ON or OFF");
  return status;
}

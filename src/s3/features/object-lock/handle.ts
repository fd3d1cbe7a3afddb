import type { DefaultRetention } from "../../../object/index.ts";
import { readDocument } from "../../body/document.ts";
import { S3Refusal } from "../../errors.ts";
import type { Handlers } from "../../handlers/call.ts";
import { changeJudged } from "../../handlers/judged-change.ts";
import { NO_BODY } from "../../http.ts";
import { isRetentionMode } from "../../parse/object-lock.ts";
import { isoTime, xmlResponse } from "../../render/document.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../../xml/reader.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import { readLegalHold, readRetention } from "./document.ts";
import type { ObjectLockOperation } from "./operations.ts";

const OK = { status: 200, headers: [], body: NO_BODY };

export const objectLockHandlers: Handlers<ObjectLockOperation["name"]> = {
  GetObjectLockConfiguration: async ({ bucket }, call) =>
    xmlResponse(renderConfiguration((await call.store.getObjectLock(bucket)).defaultRetention)),

  PutObjectLockConfiguration: async ({ bucket }, call) => {
    const defaultRetention = readConfiguration(await readDocument(call, "ObjectLockConfiguration"));
    await call.store.putObjectLock({ bucket, defaultRetention });
    return OK;
  },

  GetObjectRetention: async ({ bucket, key, versionId }, call) => {
    const retention = await call.store.getRetention({ bucket, key, versionId });
    if (retention === undefined) throw new S3Refusal("NoSuchObjectLockConfiguration");
    const xml = new XmlWriter("Retention", S3_NAMESPACE);
    return xmlResponse(
      xml.leaf("Mode", retention.mode).leaf("RetainUntilDate", isoTime(retention.untilMs)).end(),
    );
  },

  PutObjectRetention: async (operation, call) => {
    const { bucket, key, versionId, bypassGovernance } = operation;
    const address = { bucket, key, versionId };
    const read = async () => readRetention(await readDocument(call, "Retention"));
    await changeJudged(address, call, read, (retention, seen) =>
      call.store.putRetention({ ...address, retention, bypassGovernance, seen }),
    );
    return OK;
  },

  GetObjectLegalHold: async ({ bucket, key, versionId }, call) => {
    const legalHold = await call.store.getLegalHold({ bucket, key, versionId });
    if (legalHold === undefined) throw new S3Refusal("NoSuchObjectLockConfiguration");
    return xmlResponse(new XmlWriter("LegalHold", S3_NAMESPACE).leaf("Status", legalHold).end());
  },

  PutObjectLegalHold: async ({ bucket, key, versionId }, call) => {
    const address = { bucket, key, versionId };
    const read = async () => readLegalHold(await readDocument(call, "LegalHold"));
    await changeJudged(address, call, read, (legalHold, seen) =>
      call.store.putLegalHold({ ...address, legalHold, seen }),
    );
    return OK;
  },
};

function readConfiguration(root: XmlElement): DefaultRetention | undefined {
  const children = childrenOf(root, ["ObjectLockEnabled", "Rule"]);
  if (textOf(root, "ObjectLockEnabled")?.trim() !== "Enabled") {
    throw malformed("ObjectLockEnabled is Enabled");
  }
  const [rule, ...more] = children.filter(({ name }) => name === "Rule");
  if (more.length > 0) throw malformed("there is one Rule at most");
  if (rule === undefined) return undefined;
  const [retention] = childrenOf(rule, ["DefaultRetention"]);
  if (retention === undefined || rule.children.length > 1) throw malformed("a Rule has a DefaultRetention");
  return readDefault(retention);
}

function readDefault(element: XmlElement): DefaultRetention {
  childrenOf(element, ["Mode", "Days", "Years"]);
  const mode = textOf(element, "Mode")?.trim() ?? "";
  const days = textOf(element, "Days");
  const years = textOf(element, "Years");
  if (!isRetentionMode(mode)) throw malformed("Mode is GOVERNANCE or COMPLIANCE");
  if ((days === undefined) === (years === undefined)) throw malformed("there are either Days or Years");
  if (days !== undefined) return { mode, days: readPeriod(days, MAX_DAYS) };
  return { mode, years: readPeriod(years ?? "", MAX_YEARS) };
}

/** As in S3. */
const MAX_DAYS = 36_500;
const MAX_YEARS = 100;

function readPeriod(text: string, greatest: number): number {
  if (!/^[+-]?[0-9]{1,9}$/.test(text.trim())) throw malformed("a period is a whole number");
  const period = Number(text);
  if (period < 1 || period > greatest) throw new S3Refusal("InvalidRetentionPeriod");
  return period;
}

function renderConfiguration(retention: DefaultRetention | undefined): string {
  const xml = new XmlWriter("ObjectLockConfiguration", S3_NAMESPACE).leaf("ObjectLockEnabled", "Enabled");
  if (retention !== undefined) {
    xml.element("Rule", () => {
      xml.element("DefaultRetention", () => {
        xml.leaf("Mode", retention.mode).leaf("Days", retention.days).leaf("Years", retention.years);
      });
    });
  }
  return xml.end();
}

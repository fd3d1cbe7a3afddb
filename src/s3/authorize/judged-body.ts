/** Requests that say in their body what policies ask for: it is read before they are judged. */

import type { LegalHold, Retention } from "../../object/index.ts";
import type { Hasher } from "../../platform/index.ts";
import type { Authenticated } from "../auth/authenticate.ts";
import { openBody } from "../body/open-body.ts";
import { readWholeBody } from "../body/whole-body.ts";
import { readLegalHold, readRetention } from "../features/object-lock/document.ts";
import { readTagging } from "../features/tags.ts";
import type { RequestHeaders, S3Request } from "../http.ts";
import { MAX_JUDGED_BODY_BYTES } from "../limits.ts";
import type { S3OperationName } from "../operations.ts";
import { readXml } from "../xml/reader.ts";
import { remainingRetentionDays, type ValuesBeside } from "./request-context.ts";

type ReadValues = (bytes: Uint8Array, nowMs: number) => ValuesBeside;

const JUDGED_BY_BODY: ReadonlyMap<S3OperationName, ReadValues> = new Map<S3OperationName, ReadValues>([
  [
    "PutObjectRetention",
    (bytes, nowMs) => lockValues({ retention: readRetention(readXml(bytes, "Retention")), nowMs }),
  ],
  [
    "PutObjectLegalHold",
    (bytes, nowMs) => lockValues({ legalHold: readLegalHold(readXml(bytes, "LegalHold")), nowMs }),
  ],
  ["PutObjectTagging", (bytes) => ({ tags: readTagging(readXml(bytes, "Tagging")) })],
]);

/** A body that was read, or what kept it from being read: whoever may not do it at all is not told what was wrong with it. */
export type JudgedBody =
  | { readonly kind: "read"; readonly bytes: Uint8Array; readonly values: ValuesBeside }
  | { readonly kind: "failed"; readonly error: unknown; readonly values: ValuesBeside };

export function isJudgedByBody(name: S3OperationName): boolean {
  return JUDGED_BY_BODY.has(name);
}

/** Reads at most `MAX_JUDGED_BODY_BYTES` and verifies all that the head promises about them. Never rejects. */
export async function readJudgedBody(
  name: S3OperationName,
  asked: {
    readonly request: S3Request;
    readonly headers: RequestHeaders;
    readonly acting: Authenticated;
    readonly nowMs: number;
  },
  hasher: Hasher,
): Promise<JudgedBody> {
  const { request, headers, acting, nowMs } = asked;
  try {
    const body = openBody(request, headers, acting);
    const bytes = await readWholeBody(body, hasher, MAX_JUDGED_BODY_BYTES);
    const values = JUDGED_BY_BODY.get(name)?.(bytes, nowMs) ?? {};
    return { kind: "read", bytes, values };
  } catch (error) {
    return { kind: "failed", error, values: { ...lockValues({ nowMs }), tags: [] } };
  }
}

function lockValues(said: {
  readonly retention?: Retention | undefined;
  readonly legalHold?: LegalHold;
  readonly nowMs: number;
}): ValuesBeside {
  const { retention, legalHold, nowMs } = said;
  return {
    values: new Map([
      ["s3:object-lock-mode", retention?.mode],
      ["s3:object-lock-retain-until-date", retention && new Date(retention.untilMs).toISOString()],
      [
        "s3:object-lock-remaining-retention-days",
        retention && remainingRetentionDays(retention.untilMs, nowMs),
      ],
      ["s3:object-lock-legal-hold", legalHold],
    ]),
  };
}

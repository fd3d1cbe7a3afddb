import type { Principal } from "../../access/index.ts";
import type { Authenticated } from "../auth/authenticate.ts";
import { parsePayload } from "../auth/payload.ts";
import { S3Refusal } from "../errors.ts";
import type { RequestHeaders } from "../http.ts";

/** As S3 shows objects that nobody in particular has written. */
export const NOBODY: Principal = {
  keyId: "anonymous",
  role: "user",
  buckets: undefined,
  owner: { id: "65a011a29cdf8ec533ec3d1ccaae921c", displayName: "" },
  identity: {
    caller: { kind: "anonymous" },
    policies: [],
    sessionPolicies: [],
    context: new Map([["aws:principaltype", ["Anonymous"]]]),
  },
};

/** What a request without a signature may claim: who checks nothing but the hash of its body, if it gave one. */
export function anonymousCaller(headers: RequestHeaders): Authenticated {
  const hash = headers.get("x-amz-content-sha256");
  const payload = hash === undefined ? ({ kind: "unsigned" } as const) : parsePayload(hash);
  if (payload.kind === "signed-chunks") {
    throw new S3Refusal("InvalidRequest", "Signed chunks need a signed request.");
  }
  return { principal: NOBODY, payload, chain: undefined };
}

/** What browsers are told, before they ask (preflight) and with every answer. Nobody has to prove who it is for that. */

import type { ObjectStore } from "../../../object/index.ts";
import { S3Refusal } from "../../errors.ts";
import { NO_BODY, type RequestHeaders, type S3Response } from "../../http.ts";
import {
  CORS_METHODS,
  type CorsQuestion,
  type CorsRule,
  corsHeaders,
  corsRules,
  matchingRule,
} from "./rules.ts";

const ORIGIN = "origin";
const REQUEST_METHOD = "access-control-request-method";
const REQUEST_HEADERS = "access-control-request-headers";

type Configurations = Pick<ObjectStore, "localBucketConfiguration">;

/** The answer to OPTIONS. Refuses "BadRequest" for what is no preflight, "AccessForbidden" for what no rule lets through. */
export function answerPreflight(
  bucket: string | undefined,
  headers: RequestHeaders,
  store: Configurations,
): S3Response {
  const origin = headers.get(ORIGIN);
  const method = headers.get(REQUEST_METHOD);
  if (origin === undefined) {
    throw new S3Refusal("BadRequest", "Insufficient information. Origin request header needed.");
  }
  if (method === undefined || !CORS_METHODS.has(method)) {
    throw new S3Refusal("BadRequest", `Invalid Access-Control-Request-Method: ${method ?? "null"}`);
  }
  const rules = rulesOf(bucket, store);
  if (rules === undefined) throw new S3Refusal("AccessForbidden");
  const asked = { origin, method, headers: namesOf(headers.get(REQUEST_HEADERS)) };
  const rule = matchingRule(rules, asked);
  if (rule === undefined) {
    throw new S3Refusal("AccessForbidden", "CORSResponse: This CORS request is not allowed.");
  }
  return { status: 200, headers: corsHeaders(rule, asked), body: NO_BODY };
}

/** The answer with what a browser needs to show it to its page, errors included. */
export function withCorsHeaders(
  response: S3Response,
  asked: { readonly method: string; readonly headers: RequestHeaders; readonly bucket: string | undefined },
  store: Configurations,
): S3Response {
  const origin = asked.headers.get(ORIGIN);
  if (origin === undefined) return response;
  const rules = rulesOf(asked.bucket, store);
  if (rules === undefined) return response;
  const method = asked.headers.get(REQUEST_METHOD) ?? asked.method;
  const question: CorsQuestion = { origin, method, headers: [] };
  const rule = matchingRule(rules, question);
  if (rule === undefined) return response;
  return { ...response, headers: [...response.headers, ...corsHeaders(rule, question)] };
}

function rulesOf(bucket: string | undefined, store: Configurations): readonly CorsRule[] | undefined {
  const stored = bucket === undefined ? undefined : store.localBucketConfiguration(bucket, "cors");
  return stored && corsRules(stored);
}

function namesOf(value: string | undefined): readonly string[] {
  return (value ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
}

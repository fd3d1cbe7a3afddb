/**
 * What a visitor of a website is shown. Source: the S3 user guide, "Configuring an index document", "Configuring a custom error document" and "Configuring a
 * webpage redirect".
 */

import { WEBSITE_REDIRECT_HEADER } from "../../../object/index.ts";
import type { S3Refusal } from "../../errors.ts";
import { NO_BODY, type RequestHeaders, type S3Response } from "../../http.ts";
import { refusalOf } from "../../render/error.ts";
import {
  type Redirection,
  redirectionOfAll,
  redirectionOfObject,
  redirectionOfRule,
  redirectionToDirectory,
} from "./location.ts";
import { unconditional, type Visit } from "./visit.ts";
import { matchingRule, type Website } from "./website.ts";

/** Reads one object as nobody in particular, through the gate. Throws what the read is refused with. */
export type ReadAsVisitor = (
  operation: "GetObject" | "HeadObject",
  key: string,
  headers: RequestHeaders,
) => Promise<S3Response>;

type Documents = Extract<Website, { kind: "documents" }>;

/** Throws what there is no better answer to: it is shown as a page. */
export function serveVisit(website: Website, visit: Visit, read: ReadAsVisitor): Promise<S3Response> {
  if (website.kind === "redirect") return Promise.resolve(redirect(redirectionOfAll(website, visit)));
  const rule = matchingRule(website.rules, visit.key, undefined);
  if (rule !== undefined) return Promise.resolve(redirect(redirectionOfRule(rule, visit)));
  return serveDocument(website, visit, read);
}

async function serveDocument(website: Documents, visit: Visit, read: ReadAsVisitor): Promise<S3Response> {
  const { key, operation, headers } = visit;
  const isDirectory = key === "" || key.endsWith("/");
  try {
    const response = await read(operation, isDirectory ? key + website.indexSuffix : key, headers);
    return await followed(response);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined || refusal.status < 400) throw error;
    if (!isDirectory && isMissing(refusal) && (await hasIndex(website, visit, read))) {
      return redirect(redirectionToDirectory(visit));
    }
    const rule = matchingRule(website.rules, key, refusal.status);
    if (rule !== undefined) return redirect(redirectionOfRule(rule, visit));
    return serveError(website, visit, refusal, read);
  }
}

/** The owner's own page for errors of the visitor, under the status of the error. */
async function serveError(
  { errorKey }: Documents,
  { operation, headers }: Visit,
  refusal: S3Refusal,
  read: ReadAsVisitor,
): Promise<S3Response> {
  if (errorKey === undefined || refusal.status >= 500) throw refusal;
  try {
    const page = await read(operation, errorKey, unconditional(headers));
    const shown = await followed(page);
    if (shown !== page) return shown;
    return { ...page, status: refusal.status, headers: [...page.headers, ...errorHeaders(refusal)] };
  } catch (error) {
    if (refusalOf(error) === undefined) throw error;
    throw refusal;
  }
}

/** Whoever may not list reads 403 for what is not there. */
function isMissing({ status }: S3Refusal): boolean {
  return status === 404 || status === 403;
}

async function hasIndex({ indexSuffix }: Documents, { key, headers }: Visit, read: ReadAsVisitor) {
  try {
    await read("HeadObject", `${key}/${indexSuffix}`, unconditional(headers));
    return true;
  } catch (error) {
    if (refusalOf(error) === undefined) throw error;
    return false;
  }
}

/** An object that redirects shows nothing of itself. */
async function followed(response: S3Response): Promise<S3Response> {
  const at = response.headers.findIndex((name, index) => index % 2 === 0 && name === WEBSITE_REDIRECT_HEADER);
  const location = response.headers[at + 1];
  if (at < 0 || location === undefined) return response;
  if (response.body.kind === "stream") await response.body.bytes[Symbol.asyncIterator]().return?.();
  return redirect(redirectionOfObject(Buffer.from(location, "latin1").toString("utf8")));
}

function redirect({ status, location }: Redirection): S3Response {
  return { status, headers: ["Location", location], body: NO_BODY };
}

export function errorHeaders({ code, message }: S3Refusal): readonly string[] {
  return ["x-amz-error-code", code, "x-amz-error-message", message.replace(/[^\x20-\x7e]/g, "?")];
}

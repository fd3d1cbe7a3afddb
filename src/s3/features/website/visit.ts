/** Somebody who looks at a website: what the head of a request to `bucket.website-domain` asks for. Pure. */

import { S3Refusal } from "../../errors.ts";
import type { RequestHead, RequestHeaders } from "../../http.ts";
import { hostBucket, parseTarget, type RequestTarget } from "../../parse/target.ts";

export interface Visit {
  readonly operation: "GetObject" | "HeadObject";
  /** Without the parameters of the URL: a website does not look at them. */
  readonly target: RequestTarget;
  readonly bucket: string;
  /** As the path says it; empty for the root. */
  readonly key: string;
  /** With its question mark, as it was sent; empty without one. */
  readonly query: string;
  /** The host that was asked, with its port. */
  readonly host: string;
  readonly protocol: "http" | "https";
  /** Without signatures and everything that S3 alone knows. */
  readonly headers: RequestHeaders;
}

/** The bucket whose website is meant; undefined: the host is no website. */
export function websiteBucket({ headers }: RequestHead, domains: readonly string[]): string | undefined {
  return hostBucket(headers.get("host") ?? "", domains);
}

/** Refuses "MethodNotAllowed", "InvalidURI", "InvalidBucketName" and "KeyTooLongError". */
export function readVisit(
  { method, target, headers, secure }: RequestHead & { readonly secure: boolean },
  domains: readonly string[],
): Visit {
  if (method !== "GET" && method !== "HEAD") throw new S3Refusal("MethodNotAllowed");
  const host = headers.get("host") ?? "";
  const question = target.indexOf("?");
  const parsed = parseTarget(question < 0 ? target : target.slice(0, question), host, domains);
  return {
    operation: method === "GET" ? "GetObject" : "HeadObject",
    target: parsed,
    bucket: parsed.bucket ?? "",
    key: parsed.key ?? "",
    query: question < 0 ? "" : target.slice(question),
    host,
    protocol: secure ? "https" : "http",
    headers: new Map([...headers].filter(([name]) => isOfVisitors(name))),
  };
}

/** The same without ranges and conditions: for the document that stands in for another one. */
export function unconditional(headers: RequestHeaders): RequestHeaders {
  return new Map([...headers].filter(([name]) => name !== "range" && !name.startsWith("if-")));
}

function isOfVisitors(name: string): boolean {
  return name !== "authorization" && !name.startsWith("x-amz-");
}

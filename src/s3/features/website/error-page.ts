import type { S3Refusal } from "../../errors.ts";
import type { S3Response } from "../../http.ts";
import { type ErrorContext, renderError } from "../../render/error.ts";
import { escapeXml } from "../../xml/writer.ts";
import { errorHeaders } from "./serve.ts";

/** Words of the statuses that a website's visitor can meet; of others the number has to do. */
const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  412: "Precondition Failed",
  416: "Requested Range Not Satisfiable",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** The page instead of one that the website's owner has not made. */
export function renderErrorPage(refusal: S3Refusal, context: ErrorContext): S3Response {
  const { status } = refusal;
  const plain = renderError(refusal, context);
  if (status < 400) return plain;
  const headers = plain.headers.map((value) =>
    value === "application/xml" ? "text/html; charset=utf-8" : value,
  );
  if (status === 405) headers.push("Allow", "GET, HEAD, OPTIONS");
  headers.push(...errorHeaders(refusal));
  if (context.method === "HEAD") return { ...plain, headers };
  return { status, headers, body: { kind: "text", text: page(refusal, context) } };
}

function page({ status, code, message }: S3Refusal, { key, requestId, hostId }: ErrorContext): string {
  const title = `${status} ${REASONS[status] ?? ""}`.trim();
  const facts = [
    ["Code", code],
    ["Message", message],
    ...(key === undefined ? [] : [["Key", key]]),
    ["RequestId", requestId],
    ["HostId", hostId],
  ];
  const list = facts.map(([name, value = ""]) => `<li>${name}: ${escapeXml(value)}</li>\n`).join("");
  return `<html>\n<head><title>${title}</title></head>\n<body>\n<h1>${title}</h1>\n<ul>\n${list}</ul>\n<hr/>\n</body>\n</html>\n`;
}

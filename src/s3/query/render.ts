import type { S3Refusal } from "../errors.ts";
import type { S3Response } from "../http.ts";
import { XmlWriter } from "../xml/writer.ts";
import type { QueryValue } from "./operation.ts";

const NAMESPACES = {
  iam: "https://iam.amazonaws.com/doc/2010-05-08/",
  sts: "https://sts.amazonaws.com/doc/2011-06-15/",
} as const;

export interface QueryAnswer {
  readonly service: "iam" | "sts";
  readonly action: string;
  readonly requestId: string;
}

export function renderResult({ service, action, requestId }: QueryAnswer, result: QueryValue): S3Response {
  const xml = new XmlWriter(`${action}Response`, NAMESPACES[service]);
  if (result !== undefined) write(xml, `${action}Result`, result);
  write(xml, "ResponseMetadata", { RequestId: requestId });
  return answer(200, xml);
}

/** As both services write errors; the fault of a client is its own. */
export function renderQueryError(refusal: S3Refusal, requestId: string): S3Response {
  const { status, code, message } = refusal;
  const xml = new XmlWriter("ErrorResponse", NAMESPACES.iam);
  write(xml, "Error", { Type: status < 500 ? "Sender" : "Receiver", Code: code, Message: message });
  xml.leaf("RequestId", requestId);
  const response = answer(status, xml);
  const retryAfter = refusal.details.RetryAfterSeconds;
  return retryAfter === undefined
    ? response
    : { ...response, headers: [...response.headers, "Retry-After", retryAfter] };
}

function answer(status: number, xml: XmlWriter): S3Response {
  return { status, headers: ["Content-Type", "text/xml"], body: { kind: "text", text: xml.end() } };
}

function write(xml: XmlWriter, name: string, value: QueryValue): void {
  if (value === undefined) return;
  if (typeof value !== "object") {
    xml.leaf(name, value);
    return;
  }
  xml.element(name, () => {
    if (Array.isArray(value)) {
      for (const member of value as readonly QueryValue[]) write(xml, "member", member);
    } else if (value instanceof Map) {
      for (const [key, entry] of value as ReadonlyMap<string, number>) {
        write(xml, "entry", { key, value: entry });
      }
    } else {
      for (const [member, inner] of Object.entries(value)) write(xml, member, inner as QueryValue);
    }
  });
}

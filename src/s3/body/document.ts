import type { Call } from "../handlers/call.ts";
import { readXml, type XmlElement } from "../xml/reader.ts";
import { openBody } from "./open-body.ts";
import { readWholeBody } from "./whole-body.ts";

/** The XML document in a request's body, verified against all that the head promises about it. Its root must be `rootName`. */
export async function readDocument(call: Call, rootName: string): Promise<XmlElement> {
  if (call.judgedBody !== undefined) return readXml(call.judgedBody, rootName);
  const body = openBody(call.request, call.headers, call.authenticated);
  return readXml(await readWholeBody(body, call.hasher), rootName);
}

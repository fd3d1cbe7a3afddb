/** XML in: strict, bounded, without document types, so that there are no entities but XML's own five. */

import { SaxesParser } from "saxes";
import { S3Refusal } from "../errors.ts";
import { MAX_XML_DEPTH, MAX_XML_ELEMENTS } from "../limits.ts";

export interface XmlElement {
  /** Without a namespace prefix. */
  readonly name: string;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

interface OpenElement {
  readonly name: string;
  readonly children: XmlElement[];
  text: string;
}

/** Parses a document whose root must be `rootName`. Refuses everything else with "MalformedXML". */
export function readXml(bytes: Uint8Array, rootName: string): XmlElement {
  const text = decodeUtf8(bytes);
  const parser = new SaxesParser();
  const open: OpenElement[] = [];
  let root: XmlElement | undefined;
  let elements = 0;
  parser.on("error", (error) => {
    throw malformed(error.message);
  });
  parser.on("doctype", () => {
    throw malformed("document types are not allowed");
  });
  parser.on("processinginstruction", () => {
    throw malformed("processing instructions are not allowed");
  });
  parser.on("opentag", (tag) => {
    elements += 1;
    if (elements > MAX_XML_ELEMENTS) throw malformed("there are too many elements");
    if (open.length === MAX_XML_DEPTH) throw malformed("the elements are nested too deeply");
    refuseAttributes(tag.name, Object.keys(tag.attributes));
    open.push({ name: localName(tag.name), children: [], text: "" });
  });
  const addText = (characters: string) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += characters;
  };
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.on("closetag", () => {
    const element = open.pop();
    if (element === undefined) return;
    const parent = open.at(-1);
    if (parent === undefined) root = element;
    else parent.children.push(element);
  });
  parser.write(text).close();
  if (root === undefined || root.name !== rootName) throw malformed(`the root element is not ${rootName}`);
  return root;
}

/**
 * The children by name. Refuses names that are not in `allowed`, and text beside the elements: what is not understood is not ignored, or a filter that is spelled
 * wrong would be none.
 */
export function childrenOf(element: XmlElement, allowed: readonly string[]): readonly XmlElement[] {
  if (element.text.trim() !== "") throw malformed(`there is text where ${element.name} has elements`);
  for (const child of element.children) {
    if (!allowed.includes(child.name)) throw malformed(`${child.name} is not expected in ${element.name}`);
  }
  return element.children;
}

/** The text of the only child of that name; undefined when there is none. */
export function textOf(element: XmlElement, name: string): string | undefined {
  let found: XmlElement | undefined;
  for (const child of element.children) {
    if (child.name !== name) continue;
    if (found !== undefined) throw malformed(`${name} occurs twice in ${element.name}`);
    if (child.children.length > 0) throw malformed(`${name} has elements in it`);
    found = child;
  }
  return found?.text;
}

export function malformed(reason: string): S3Refusal {
  return new S3Refusal("MalformedXML", undefined, { Reason: reason });
}

/** No element of S3's has attributes of its own; those with a prefix ("xsi:type") belong to another namespace and say nothing more than the elements do. */
function refuseAttributes(element: string, names: readonly string[]): void {
  for (const name of names) {
    if (name !== "xmlns" && !name.includes(":")) throw malformed(`${element} has an attribute ${name}`);
  }
}

function localName(name: string): string {
  const colon = name.indexOf(":");
  return colon < 0 ? name : name.slice(colon + 1);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw malformed("the document is not UTF-8");
  }
}

import { S3Refusal } from "../../../src/s3/errors.ts";
import { MAX_XML_DEPTH, MAX_XML_ELEMENTS } from "../../../src/s3/limits.ts";
import { readXml, type XmlElement } from "../../../src/s3/xml/reader.ts";
import { escapeXml } from "../../../src/s3/xml/writer.ts";
import { broken, type FuzzTarget, refusable, same, text } from "../target.ts";

const ROOT = "Delete";

function measured(element: XmlElement): { depth: number; elements: number } {
  const children = element.children.map(measured);
  return {
    depth: 1 + Math.max(0, ...children.map(({ depth }) => depth)),
    elements: 1 + children.reduce((sum, { elements }) => sum + elements, 0),
  };
}

function written({ name, children, text: own }: XmlElement): string {
  return `<${name}>${escapeXml(own)}${children.map(written).join("")}</${name}>`;
}

/** XML bodies: bounded, refused by name, and what was read can be written and read again. */
export const s3Xml: FuzzTarget = {
  name: "s3-xml",
  dictionary: [
    "<",
    "</",
    "/>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<!DOCTYPE a [<!ENTITY e 'x'>]>",
    "&amp;",
    "&#x0;",
    "&#xD800;",
    "&#65;",
    "<?xml version='1.1'?>",
    "xmlns:a='u'",
    "\u0000",
    "\u00ff\u00fe",
  ],
  seeds: () => [
    text("<Delete><Object><Key>a&amp;b</Key></Object><Quiet>true</Quiet></Delete>"),
    text(
      '<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key><![CDATA[x]]></Key><VersionId>null</VersionId></Object></Delete>',
    ),
    text(`${"<Delete>".repeat(5)}é😀${"</Delete>".repeat(5)}`),
  ],
  property: (input) => {
    const read = refusable([S3Refusal], () => readXml(input, ROOT));
    if (read.kind === "refused") return read.label;
    const { depth, elements } = measured(read.value);
    if (depth > MAX_XML_DEPTH || elements > MAX_XML_ELEMENTS) broken("a document beyond the limits");
    // Parsers read all line ends as line feeds, but for those written as references.
    same(readXml(text(written(read.value)), ROOT), read.value, "a document that was written again");
    return `depth ${depth}, ${Math.min(elements, 9)} elements`;
  },
  large: [
    (sizeBytes) => text(`<Delete>${"<a/>".repeat(sizeBytes / 4)}</Delete>`),
    (sizeBytes) => text(`<Delete>${"&amp;".repeat(sizeBytes / 5)}</Delete>`),
    (sizeBytes) => text(`<Delete ${Array.from({ length: sizeBytes / 8 }, (_, i) => `a${i}="" `).join("")}/>`),
  ],
};

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { S3Refusal } from "../errors.ts";
import { childrenOf, readXml, textOf } from "./reader.ts";
import { escapeXml, XmlWriter } from "./writer.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);

function refused(text: string | Uint8Array, root = "Delete"): string {
  try {
    readXml(typeof text === "string" ? bytes(text) : text, root);
    return "accepted";
  } catch (error) {
    if (!(error instanceof S3Refusal)) throw error;
    return error.code;
  }
}

describe("XML in", () => {
  it.each([
    "<Delete/>",
    '<?xml version="1.0" encoding="UTF-8"?>\n<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet></Delete>',
    "<s3:Delete xmlns:s3='x'><s3:Quiet/></s3:Delete>",
    "\uFEFF<Delete/>",
    "<Delete><!-- comment --><![CDATA[ ]]></Delete>",
    '<Delete xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x" xml:lang="en"/>',
  ])("accepts %j", (text) => {
    expect(refused(text)).toBe("accepted");
  });

  it.each([
    "",
    " ",
    "hello",
    "<Other/>",
    "<Delete>",
    "<Delete></Other>",
    "<Delete/><Delete/>",
    "<Delete a=1/>",
    '<Delete Key="a"/>',
    '<Delete><Object Key="a"/></Delete>',
    "<Delete>&nbsp;</Delete>",
    "<Delete>&x;</Delete>",
    '<!DOCTYPE Delete [<!ENTITY x "y">]><Delete>&x;</Delete>',
    '<!DOCTYPE Delete SYSTEM "file:///etc/passwd"><Delete/>',
    '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><Delete>&b;</Delete>',
    '<?xml-stylesheet href="x"?><Delete/>',
    "<Delete>\u0000</Delete>",
    `${"<Delete>".repeat(50)}${"</Delete>".repeat(50)}`,
    `<Delete>${"<a/>".repeat(100_001)}</Delete>`,
  ])("refuses %.60j", (text) => {
    expect(refused(text)).toBe("MalformedXML");
  });

  it("refuses bytes that are not UTF-8", () => {
    expect(refused(Uint8Array.from([0x3c, 0x44, 0xff, 0x3e]))).toBe("MalformedXML");
  });

  it("reads names, texts and references, whatever the names are", () => {
    const root = readXml(
      bytes(
        "<Delete><Object><Key>a&amp;b&#13;&#x41;<![CDATA[<c>]]></Key></Object><__proto__>x</__proto__></Delete>",
      ),
      "Delete",
    );
    expect(textOf(root.children[0]!, "Key")).toBe("a&b\rA<c>");
    expect(textOf(root, "__proto__")).toBe("x");
    expect(textOf(root, "constructor")).toBeUndefined();
  });

  it("does not ignore text where there should be elements", () => {
    const inside = (text: string) => () =>
      childrenOf(readXml(bytes(`<Delete>${text}</Delete>`), "Delete"), ["Object"]);
    expect(inside(" \n<!-- a --><Object/>\t")()).toHaveLength(1);
    expect(inside("a<Object/>")).toThrow(S3Refusal);
    expect(inside("<Object/><![CDATA[a]]>")).toThrow(S3Refusal);
  });

  it("does not ignore what is not expected or said twice", () => {
    const root = readXml(bytes("<Delete><Object/><Other/><Q>1</Q><Q>2</Q><R><S/></R></Delete>"), "Delete");
    expect(() => childrenOf(root, ["Object"])).toThrow(S3Refusal);
    expect(() => textOf(root, "Q")).toThrow(S3Refusal);
    expect(() => textOf(root, "R")).toThrow(S3Refusal);
  });

  it("any text at all is read or refused", () => {
    const soup = fc.string({
      unit: fc.constantFrom("<", ">", "/", "D", "&", ";", "#", "1", '"', "=", " ", "!", "[", "]", "?", "-"),
      maxLength: 60,
    });
    fc.assert(
      fc.property(soup, (text) => {
        expect(["accepted", "MalformedXML"]).toContain(refused(text, "D"));
      }),
    );
  });
});

describe("XML out", () => {
  it.each([
    ["plain", "plain"],
    ["a&b<c>d", "a&amp;b&lt;c&gt;d"],
    ["\"'", "&quot;&apos;"],
    ["\r\n\t", "&#xD;&#xA;&#x9;"],
    ["\u0001\u001f", "&#x1;&#x1F;"],
    ["é😀", "é😀"],
  ])("writes %j as %s", (text, expected) => {
    expect(escapeXml(text)).toBe(expected);
  });

  it("gives back through a parser what went in", () => {
    const text = fc.string({ unit: "grapheme" }).filter(
      // Characters that XML 1.0 cannot hold, even as references.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are the point.
      (candidate) => !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(candidate),
    );
    fc.assert(
      fc.property(text, (value) => {
        const document = new XmlWriter("R").leaf("V", value).end();
        expect(textOf(readXml(bytes(document), "R"), "V")).toBe(value);
      }),
    );
  });
});

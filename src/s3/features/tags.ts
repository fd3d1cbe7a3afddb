import type { Tag } from "../../object/index.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../xml/reader.ts";
import { S3_NAMESPACE, XmlWriter } from "../xml/writer.ts";

/** `<Tagging><TagSet><Tag><Key/><Value/></Tag>...` */
export function readTagging(root: XmlElement): readonly Tag[] {
  const [set, ...more] = childrenOf(root, ["TagSet"]);
  if (set === undefined || more.length > 0) throw malformed("Tagging holds one TagSet");
  return childrenOf(set, ["Tag"]).map((element) => {
    childrenOf(element, ["Key", "Value"]);
    const key = textOf(element, "Key");
    const value = textOf(element, "Value");
    if (key === undefined || value === undefined) throw malformed("a Tag has a Key and a Value");
    return { key, value };
  });
}

export function renderTagging(tags: readonly Tag[]): string {
  const xml = new XmlWriter("Tagging", S3_NAMESPACE);
  xml.element("TagSet", () => {
    for (const { key, value } of tags) {
      xml.element("Tag", () => {
        xml.leaf("Key", key).leaf("Value", value);
      });
    }
  });
  return xml.end();
}

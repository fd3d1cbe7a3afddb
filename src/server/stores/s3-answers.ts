import { SaxesParser } from "saxes";

/** Depth of elements; what nests deeper is no answer of S3. */
const MAX_DEPTH = 8;

/** The texts of elements by their path, as "ListBucketResult/Contents/Key", in order. Undefined: it is not XML, or has a DOCTYPE. */
export function textsOf(xml: Uint8Array): ReadonlyMap<string, readonly string[]> | undefined {
  const texts = new Map<string, string[]>();
  const open: string[] = [];
  let text = "";
  let isBad = false;
  const parser = new SaxesParser();
  parser.on("doctype", () => {
    isBad = true;
  });
  parser.on("error", () => {
    isBad = true;
  });
  parser.on("opentag", ({ name }) => {
    open.push(name);
    text = "";
    // Nothing is kept of what goes on: a long path for each of many elements would be much.
    if (open.length > MAX_DEPTH) throw new Error("it nests too deeply");
  });
  parser.on("text", (piece) => {
    text += piece;
  });
  parser.on("closetag", () => {
    const path = open.join("/");
    const known = texts.get(path);
    if (known === undefined) texts.set(path, [text]);
    else known.push(text);
    open.pop();
    text = "";
  });
  try {
    parser.write(new TextDecoder("utf-8", { fatal: true }).decode(xml)).close();
  } catch {
    return undefined;
  }
  return isBad || open.length > 0 ? undefined : texts;
}

/** The code of an error of S3; undefined where the body is none. */
export function errorCodeOf(xml: Uint8Array): string | undefined {
  return textsOf(xml)?.get("Error/Code")?.[0];
}

export interface ListedKeys {
  readonly keys: readonly string[];
  readonly isTruncated: boolean;
}

/** An answer to ListObjectsV2; undefined where the body is none. */
export function listedKeysOf(xml: Uint8Array): ListedKeys | undefined {
  const texts = textsOf(xml);
  const truncated = texts?.get("ListBucketResult/IsTruncated")?.[0];
  if (texts === undefined || (truncated !== "true" && truncated !== "false")) return undefined;
  return { keys: texts.get("ListBucketResult/Contents/Key") ?? [], isTruncated: truncated === "true" };
}

import type { RequestHead } from "../../../src/s3/http.ts";

/** A head as text: "METHOD target", then "name: value" lines. Only for targets: HTTP's own parser stands before this in production. */
export function serialize({ method, target, headers }: RequestHead): Uint8Array {
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\n`);
  return Buffer.from(`${method} ${target}\n${lines.join("")}`, "latin1");
}

/** What HTTP's parser would let through of such a text: undefined when it is no head. */
export function headOf(text: string): RequestHead | undefined {
  const [first = "", ...lines] = text.split("\n");
  const match = /^([A-Z]+) ([!-~\x80-\xff]+)$/.exec(first);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const header = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*$/.exec(line);
    if (header?.[1] === undefined || header[2] === undefined) continue;
    const name = header[1].toLowerCase();
    const before = headers.get(name);
    headers.set(name, before === undefined ? header[2] : `${before}, ${header[2]}`);
  }
  return { method: match[1], target: match[2], headers };
}

/** Where a declared destination is. */
export interface Destination {
  readonly name: string;
  readonly url: URL;
}

/** "orders=https://example.com/hook". Undefined: it has another form. */
export function parseDestination(entry: string): Destination | undefined {
  const match = /^([\w-]{1,128})=(https?:\/\/\S+)$/.exec(entry);
  if (match?.[1] === undefined || match[2] === undefined || !URL.canParse(match[2])) return undefined;
  const url = new URL(match[2]);
  if (url.username !== "" || url.password !== "" || url.hash !== "") return undefined;
  return { name: match[1], url };
}

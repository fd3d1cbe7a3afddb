/** The seam between HTTP and S3: a request in, a response out. Nothing behind it sees a socket. */

/** Names in lower case; a repeated field is joined with ","; bytes above 0x7f stand as Latin-1 characters, as HTTP has them. */
export type RequestHeaders = ReadonlyMap<string, string>;

/** What the parser looks at. */
export interface RequestHead {
  readonly method: string;
  /** The request target as it was sent: path and query, still percent-encoded. */
  readonly target: string;
  readonly headers: RequestHeaders;
}

export interface S3Request extends RequestHead {
  /**
   * The bytes after HTTP's own framing, to be iterated at most once. A piece is valid until the next one is asked for: who keeps it copies it. Throws `ObjectError` "body-truncated" when the client goes away and
   * `S3Refusal` "RequestTimeout" when it stalls. Iterating it sends "100 Continue" where the client waits for that.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** So many bytes more than Content-Length may come: a form does not say how long its file is. */
  readonly slackBytes?: number;
  /** Address of the client without its port. */
  readonly remoteAddress: string;
  /** Whether the client reached us over TLS. */
  readonly secure: boolean;
  /** Aborted when the client has gone or the server stops. */
  readonly signal: AbortSignal;
}

export interface S3Response {
  readonly status: number;
  /** Name, value, name, value, ... Length, date, request id and server name are added where the response is sent. */
  readonly headers: readonly string[];
  readonly body: ResponseBody;
}

export type ResponseBody =
  | { readonly kind: "none" }
  /** The answer to HEAD: says how long the body would be. */
  | { readonly kind: "omitted"; readonly lengthBytes: number }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** Exactly `lengthBytes` bytes; when the source throws, the connection is cut so that no client takes it for whole. */
  | { readonly kind: "stream"; readonly lengthBytes: number; readonly bytes: AsyncIterable<Uint8Array> };

export const NO_BODY: ResponseBody = { kind: "none" };

/** A header value for HTTP: text that is not ASCII goes out as its UTF-8 bytes. */
export function toHeaderValue(text: string): string {
  return isPlain(text) ? text : Buffer.from(text, "utf8").toString("latin1");
}

/** Text from a header value: UTF-8 where the bytes are UTF-8, else Latin-1. */
export function fromHeaderValue(value: string): string {
  if (isPlain(value)) return value;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, "latin1"));
  } catch {
    return value;
  }
}

/**
 * Without the blanks around it. Source: RFC 9110, section 5.6.3. `trim` would also take the last byte of a letter for one: "à" in UTF-8 ends in what
 * Latin-1 calls a no-break space.
 */
export function trimBlanks(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start += 1;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end -= 1;
  return start === 0 && end === value.length ? value : value.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Only characters of ASCII. */
export function isPlain(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) > 0x7f) return false;
  }
  return true;
}

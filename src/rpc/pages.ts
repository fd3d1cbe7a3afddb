import { Code, ConnectError } from "@connectrpc/connect";
import { fromBase64Url, toBase64Url } from "../base/index.ts";

/** Of a list whose request names no size; the protos say that it is the greatest too. */
const DEFAULT_PAGE_SIZE = 1000;

export function pageSize(asked: number): number {
  return asked === 0 ? DEFAULT_PAGE_SIZE : asked;
}

/** Opaque to clients: the last name of the page before, so that a page's cost does not grow with its place in the list. */
export function toPageToken(last: string | undefined): string {
  return last === undefined ? "" : toBase64Url(new TextEncoder().encode(last));
}

export function parsePageToken(token: string): string {
  if (token === "") return "";
  const bytes = fromBase64Url(token);
  if (bytes === undefined) throw new ConnectError("the page token is not one of ours", Code.InvalidArgument);
  try {
    // A name may begin with U+FEFF, which decoders take for a byte order mark: it stays.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ConnectError(
      "the page token is not one of ours",
      Code.InvalidArgument,
      undefined,
      undefined,
      cause,
    );
  }
}

import { fromBase64Url, toBase64Url } from "../../base/index.ts";
import { invalidArgument } from "../errors.ts";

const VERSION = 1;
const encoder = new TextEncoder();
/** A name may begin with U+FEFF, which decoders take for a byte order mark: it stays, or a listing would go on at another place. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Continuation tokens are opaque to clients: base64url of a version byte and the name to go on after. They carry nothing that the caller
 * could not ask for by name, so they need no signature.
 */
export function writeContinuationToken(after: string): string {
  const name = encoder.encode(after);
  const token = new Uint8Array(1 + name.length);
  token[0] = VERSION;
  token.set(name, 1);
  return toBase64Url(token);
}

/** Refuses "InvalidArgument". */
export function readContinuationToken(token: string): string {
  const bytes = fromBase64Url(token);
  if (bytes === undefined || bytes.length < 2 || bytes[0] !== VERSION) throw badToken(token);
  try {
    return decoder.decode(bytes.subarray(1));
  } catch {
    throw badToken(token);
  }
}

function badToken(token: string): Error {
  return invalidArgument("The continuation token provided is incorrect", "continuation-token", token);
}

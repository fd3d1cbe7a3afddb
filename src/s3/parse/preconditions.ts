import type { Preconditions } from "../../object/index.ts";
import { invalidArgument, notImplemented } from "../errors.ts";
import type { RequestHeaders } from "../http.ts";
import { parseEtags, parseHttpDate, parseWhole, unquoteEtag } from "./fields.ts";

/** Conditions of GetObject and HeadObject. Undefined when there are none. */
export function readPreconditions(headers: RequestHeaders): Preconditions | undefined {
  return conditions(headers, "");
}

/** Conditions on what a rename writes over. */
export function renamePreconditions(headers: RequestHeaders): Preconditions | undefined {
  return conditionsOfWrite(headers, "");
}

/** Conditions on the source of a copy. */
export function sourcePreconditions(headers: RequestHeaders): Preconditions | undefined {
  return conditionsOfWrite(headers, "x-amz-copy-source-");
}

/** Conditions on the source of a rename. */
export function renameSourcePreconditions(headers: RequestHeaders): Preconditions | undefined {
  return conditionsOfWrite(headers, "x-amz-rename-source-");
}

/** Conditions of writes: only on the ETag. S3 does not implement the dates there, and nor does this gateway. */
export function writePreconditions(headers: RequestHeaders): Preconditions | undefined {
  for (const name of ["if-modified-since", "if-unmodified-since"]) {
    if (headers.has(name)) throw notImplemented(`The header "${name}" on this operation`);
  }
  return etagConditions(headers);
}

/** Conditions of DeleteObject. */
export function deletePreconditions(headers: RequestHeaders): Preconditions | undefined {
  const size = headers.get("x-amz-if-match-size");
  const modified = headers.get("x-amz-if-match-last-modified-time");
  if (size === undefined && modified === undefined) return writePreconditions(headers);
  return {
    ...writePreconditions(headers),
    ...(size !== undefined && { ifMatchSize: matchedSize(size, "x-amz-if-match-size") }),
    ...(modified !== undefined && {
      ifMatchModifiedMs: matchedTime(modified, "x-amz-if-match-last-modified-time"),
    }),
  };
}

export function matchedEtag(text: string): string {
  const etag = unquoteEtag(text);
  if (etag === "") throw invalidArgument("A condition must name an ETag or be *", "ETag", text);
  return etag;
}

export function matchedSize(text: string, name: string): number {
  const size = parseWhole(text.trim());
  if (size === undefined) throw invalidArgument("Invalid size", name, text);
  return size;
}

/** An HTTP date, or ISO 8601 as XML has it. */
export function matchedTime(text: string, name: string): number {
  const timeMs = parseHttpDate(text.trim());
  if (timeMs === undefined) throw invalidArgument("Invalid last modified time", name, text);
  return timeMs;
}

/** A condition that says nothing would let a write through that its client wanted to be decided. Refuses "InvalidArgument". */
function refuseEmptyEtags(headers: RequestHeaders, prefix: string): void {
  for (const name of [`${prefix}if-match`, `${prefix}if-none-match`]) {
    const text = headers.get(name);
    if (text !== undefined && parseEtags(text) === undefined) {
      throw invalidArgument("A condition must name an ETag or be *", name, text);
    }
  }
}

function conditionsOfWrite(headers: RequestHeaders, prefix: string): Preconditions | undefined {
  refuseEmptyEtags(headers, prefix);
  return conditions(headers, prefix);
}

function etagConditions(headers: RequestHeaders): Preconditions | undefined {
  refuseEmptyEtags(headers, "");
  const ifMatch = parseEtags(headers.get("if-match"));
  const ifNoneMatch = parseEtags(headers.get("if-none-match"));
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined;
  return { ...(ifMatch && { ifMatch }), ...(ifNoneMatch && { ifNoneMatch }) };
}

function conditions(headers: RequestHeaders, prefix: string): Preconditions | undefined {
  const ifMatch = parseEtags(headers.get(`${prefix}if-match`));
  const ifNoneMatch = parseEtags(headers.get(`${prefix}if-none-match`));
  const ifModifiedSinceMs = parseHttpDate(headers.get(`${prefix}if-modified-since`));
  const ifUnmodifiedSinceMs = parseHttpDate(headers.get(`${prefix}if-unmodified-since`));
  if (
    ifMatch === undefined &&
    ifNoneMatch === undefined &&
    ifModifiedSinceMs === undefined &&
    ifUnmodifiedSinceMs === undefined
  ) {
    return undefined;
  }
  return {
    ...(ifMatch && { ifMatch }),
    ...(ifNoneMatch && { ifNoneMatch }),
    ...(ifModifiedSinceMs !== undefined && { ifModifiedSinceMs }),
    ...(ifUnmodifiedSinceMs !== undefined && { ifUnmodifiedSinceMs }),
  };
}

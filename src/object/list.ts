import { compareKeys, successorOfPrefix } from "../base/index.ts";
import { listedFromRow } from "./attributes.ts";
import type { ObjectContext } from "./context.ts";
import type { ListedObject, ListObjectsRequest, ListObjectsResult } from "./ports.ts";

/**
 * Rows that are read at once where a delimiter folds some of them: at first, and at least. After that, twice as many as the last read made entries of, so that a
 * jump over a full directory costs a few rows, and one long run of keys a few reads.
 */
const FIRST_FOLDED_ROWS = 64;
const LEAST_FOLDED_ROWS = 4;

/**
 * One page in UTF-8 order. With a delimiter, a common prefix is found from its first key and then jumped over, so that the cost grows with
 * the page and never with what lies under a prefix. A common prefix that is not greater than `after` is not listed again.
 */
export async function listObjects(
  context: ObjectContext,
  request: ListObjectsRequest,
): Promise<ListObjectsResult> {
  const bucket = await context.freshBucket(request.bucket);
  if (request.limit === 0) return { objects: [], commonPrefixes: [], next: undefined };
  const page = new ListPage(request);
  let position: { after: string; from?: string } | undefined = page.begin();
  let foldedRows = FIRST_FOLDED_ROWS;
  while (position !== undefined) {
    const countBefore = page.count;
    const limit = request.delimiter === "" ? request.limit + 1 - page.count : foldedRows;
    const rows = await context.view.objects(bucket.bucketId, { prefix: request.prefix, ...position, limit });
    let jump: string | undefined;
    for (const row of rows) {
      if (jump !== undefined && compareKeys(row.key, jump) < 0) continue;
      jump = undefined;
      const commonPrefix = commonPrefixOf(row.key, request);
      if (!(commonPrefix === undefined ? page.addObject(listedFromRow(row)) : page.addPrefix(commonPrefix))) {
        return page.result(true);
      }
      if (commonPrefix !== undefined) {
        jump = successorOfPrefix(commonPrefix);
        if (jump === undefined) return page.result(false);
      }
    }
    foldedRows = clamped(2 * (page.count - countBefore), LEAST_FOLDED_ROWS, request.limit + 1);
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) position = undefined;
    else position = jump === undefined ? { after: last.key } : { after: "", from: jump };
  }
  return page.result(false);
}

function clamped(value: number, least: number, greatest: number): number {
  return Math.max(least, Math.min(value, greatest));
}

/** The part of a key up to and with the first delimiter behind the prefix. */
export function commonPrefixOf(
  key: string,
  request: { readonly prefix: string; readonly delimiter: string },
): string | undefined {
  if (request.delimiter === "") return undefined;
  const at = key.indexOf(request.delimiter, request.prefix.length);
  return at < 0 ? undefined : key.slice(0, at + request.delimiter.length);
}

class ListPage {
  readonly #request: ListObjectsRequest;
  readonly #objects: ListedObject[] = [];
  readonly #commonPrefixes: string[] = [];
  #last: string | undefined;

  constructor(request: ListObjectsRequest) {
    this.#request = request;
  }

  get count(): number {
    return this.#objects.length + this.#commonPrefixes.length;
  }

  /** Where reading starts: behind the whole group when `after` lies in a common prefix. */
  begin(): { after: string; from?: string } | undefined {
    const { after, prefix } = this.#request;
    const group = after.startsWith(prefix) ? commonPrefixOf(after, this.#request) : undefined;
    if (group === undefined) return { after };
    const from = successorOfPrefix(group);
    return from === undefined ? undefined : { after: "", from };
  }

  /** False when the page is full already: there is more. */
  addObject(object: ListedObject): boolean {
    if (this.count === this.#request.limit) return false;
    this.#objects.push(object);
    this.#last = object.key;
    return true;
  }

  addPrefix(commonPrefix: string): boolean {
    if (this.count === this.#request.limit) return false;
    this.#commonPrefixes.push(commonPrefix);
    this.#last = commonPrefix;
    return true;
  }

  result(more: boolean): ListObjectsResult {
    return {
      objects: this.#objects,
      commonPrefixes: this.#commonPrefixes,
      next: more ? this.#last : undefined,
    };
  }
}

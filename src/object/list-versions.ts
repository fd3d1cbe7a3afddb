import { compareBytes, compareKeys, successorOfPrefix, toBase64Url } from "../base/index.ts";
import { type BucketRow, VersioningState } from "../gen/skerry/meta/v1/rows_pb.js";
import type { ObjectSummary, StillView } from "../meta/index.ts";
import { listedFromRow } from "./attributes.ts";
import type { ObjectContext } from "./context.ts";
import { versionOf } from "./find-version.ts";
import { commonPrefixOf } from "./list.ts";
import type { ListedObject } from "./ports.ts";
import { formatVersionId, NULL_VERSION, parseVersionId } from "./version-id.ts";

export interface ListVersionsRequest {
  readonly bucket: string;
  readonly prefix: string;
  /** "" for none. */
  readonly delimiter: string;
  /** Exclusive: a key, all of it unless `afterVersionId` says which of its versions; or a common prefix. */
  readonly afterKey: string;
  readonly afterVersionId: string | undefined;
  /** 0 to 1,000; versions and common prefixes count alike. */
  readonly limit: number;
}

export interface ListedVersion extends ListedObject {
  readonly versionId: string;
  readonly isLatest: boolean;
  readonly deleteMarker: boolean;
}

export interface ListVersionsResult {
  /** In order of key, of one key the newest first. */
  readonly versions: readonly ListedVersion[];
  readonly commonPrefixes: readonly string[];
  /**
   * Set only when more follows: the last version or common prefix of this page. The id is good also when that version is removed before the next page is
   * asked for; that of a null version is therefore the one inside, which names nothing anywhere else.
   */
  readonly next: { readonly key: string; readonly versionId: string | undefined } | undefined;
}

/** The rows of one moment. */
interface Still {
  readonly view: StillView;
}

/** Rows that are read at a time of each of the two tables. */
const PAGE_ROWS = 256;
/**
 * The same where a delimiter folds some of them: at first, and at least. After that, of each table, twice as many as were made use of the last
 * time, so that a jump over a full directory costs a few rows, and one long run of versions a few reads.
 */
const FIRST_FOLDED_ROWS = 64;
const LEAST_FOLDED_ROWS = 4;

/**
 * One page of all versions and delete markers, as of one moment: a write moves the version that was current from one table to the other. The cost grows
 * with the page, as in `listObjects`.
 */
export async function listVersions(
  context: ObjectContext,
  request: ListVersionsRequest,
): Promise<ListVersionsResult> {
  const marker =
    request.afterVersionId === undefined ? undefined : { id: parseVersionId(request.afterVersionId) };
  const fresh = await context.freshBucket(request.bucket);
  return context.view.still((view) =>
    pageOf({ view }, { bucket: view.bucket(request.bucket) ?? fresh, request, marker }),
  );
}

interface PageAt {
  readonly bucket: BucketRow;
  readonly request: ListVersionsRequest;
  readonly marker: { readonly id: Uint8Array | undefined } | undefined;
}

async function pageOf(still: Still, at: PageAt): Promise<ListVersionsResult> {
  const { bucket, request } = at;
  const versions: ListedVersion[] = [];
  const commonPrefixes: string[] = [];
  const result = (next: ListVersionsResult["next"]) => ({ versions, commonPrefixes, next });
  if (request.limit === 0) return result(undefined);
  const cursor = new VersionCursor(still, bucket, request);
  if (!beginAt(cursor, still, at)) return result(undefined);
  let last: ListVersionsResult["next"];
  for (;;) {
    const row = await cursor.next();
    if (row === undefined) return result(undefined);
    if (versions.length + commonPrefixes.length === request.limit) return result(last);
    const commonPrefix = commonPrefixOf(row.key, request);
    if (commonPrefix === undefined) {
      const listed = listedVersion(row);
      versions.push(listed);
      last = { key: row.key, versionId: markerOf(bucket, row) };
      continue;
    }
    commonPrefixes.push(commonPrefix);
    last = { key: commonPrefix, versionId: undefined };
    const from = successorOfPrefix(commonPrefix);
    if (from === undefined) return result(undefined);
    cursor.seek(from);
  }
}

function listedVersion(row: ObjectSummary): ListedVersion {
  return {
    ...listedFromRow(row),
    versionId: formatVersionId(row),
    isLatest: row.newerVersionId.length === 0,
    deleteMarker: row.deleteMarker,
  };
}

/** Where a bucket was never versioned nothing follows a key's only version, whatever it is called. */
function markerOf({ versioning }: BucketRow, { versionId }: ObjectSummary): string {
  return versioning === VersioningState.UNSPECIFIED ? NULL_VERSION : toBase64Url(versionId);
}

/** False: nothing can follow. */
function beginAt(cursor: VersionCursor, still: Still, at: PageAt): boolean {
  const { afterKey, prefix } = at.request;
  const group = afterKey.startsWith(prefix) ? commonPrefixOf(afterKey, at.request) : undefined;
  if (group !== undefined) {
    const from = successorOfPrefix(group);
    if (from === undefined) return false;
    cursor.seek(from);
    return true;
  }
  if (afterKey === "") return true;
  if (at.marker === undefined) {
    cursor.beginBehindKey(afterKey);
    return true;
  }
  const versionId = at.marker.id ?? versionOf(still, at.bucket, afterKey, undefined)?.versionId;
  // A null version that is gone says nothing of its place: what is listed again does no harm, what is left out does.
  if (versionId === undefined) cursor.seek(afterKey);
  else cursor.beginBehindVersion(afterKey, versionId);
  return true;
}

/** The heads and the version table of a bucket as one sequence, read a page at a time. */
class VersionCursor {
  readonly #still: Still;
  readonly #bucketId: bigint;
  readonly #prefix: string;
  readonly #heads: Stream;
  readonly #others: Stream;
  #marker: { readonly key: string; readonly versionId: Uint8Array } | undefined;

  constructor(still: Still, bucket: BucketRow, request: ListVersionsRequest) {
    this.#still = still;
    this.#bucketId = bucket.bucketId;
    this.#prefix = request.prefix;
    const rows = pageRows(request);
    this.#heads = new Stream(rows);
    this.#others = new Stream(rows);
    if (bucket.versionCount === 0n) this.#others.end();
  }

  beginBehindKey(key: string): void {
    this.#heads.after = { key, versionId: undefined };
    this.#others.after = { key, versionId: undefined };
  }

  /**
   * Behind a version, which may be gone. Ids grow along the versions of a key, so that the current one follows where everything from the marker on was
   * removed, and only there.
   */
  beginBehindVersion(key: string, versionId: Uint8Array): void {
    this.#heads.from = key;
    this.#marker = { key, versionId };
    this.#others.after = { key, versionId };
  }

  /** On to the first key that is not below `from`. */
  seek(from: string): void {
    this.#heads.seek(from);
    this.#others.seek(from);
  }

  async next(): Promise<ObjectSummary | undefined> {
    while (this.#heads.isHungry) await this.#readHeads();
    if (this.#others.isHungry) await this.#readOthers();
    const head = this.#heads.first;
    const other = this.#others.first;
    if (head === undefined) return this.#others.take();
    // The current version is the newest of its key.
    if (other === undefined || compareKeys(head.key, other.key) <= 0) return this.#heads.take();
    return this.#others.take();
  }

  async #readHeads(): Promise<void> {
    const { after, from, nextRows: limit } = this.#heads;
    const rows = await this.#still.view.objects(this.#bucketId, {
      prefix: this.#prefix,
      after: after?.key ?? "",
      ...(from !== undefined && { from }),
      limit,
    });
    this.#heads.fill(rows, rows.length < limit);
    const { first } = this.#heads;
    if (first !== undefined && this.#isBeforeMarker(first)) this.#heads.take();
    this.#marker = undefined;
  }

  #isBeforeMarker(head: ObjectSummary): boolean {
    const marker = this.#marker;
    if (marker === undefined || head.key !== marker.key) return false;
    return compareBytes(head.versionId, marker.versionId) >= 0;
  }

  async #readOthers(): Promise<void> {
    const { after, from, nextRows: limit } = this.#others;
    const rows = await this.#still.view.versions(this.#bucketId, {
      prefix: this.#prefix,
      afterKey: after?.key ?? "",
      afterVersionId: after?.versionId,
      ...(from !== undefined && { fromKey: from }),
      limit,
    });
    this.#others.fill(rows, rows.length < limit);
  }
}

interface PageRows {
  readonly first: number;
  readonly least: number;
  readonly most: number;
}

function pageRows({ delimiter, limit }: ListVersionsRequest): PageRows {
  const most = Math.min(PAGE_ROWS, limit + 1);
  if (delimiter === "") return { first: most, least: most, most };
  const least = Math.min(LEAST_FOLDED_ROWS, most);
  return { first: Math.min(FIRST_FOLDED_ROWS, most), least, most };
}

class Stream {
  after: { readonly key: string; readonly versionId: Uint8Array | undefined } | undefined;
  from: string | undefined;
  readonly #pageRows: PageRows;
  #rows: readonly ObjectSummary[] = [];
  #at = 0;
  #taken = 0;
  #isEnd = false;
  #isFirst = true;

  constructor(pageRows: PageRows) {
    this.#pageRows = pageRows;
  }

  get first(): ObjectSummary | undefined {
    return this.#rows[this.#at];
  }

  get isHungry(): boolean {
    return this.#at === this.#rows.length && !this.#isEnd;
  }

  /** How many rows are worth reading. */
  get nextRows(): number {
    const { first, least, most } = this.#pageRows;
    return this.#isFirst ? first : Math.max(least, Math.min(2 * this.#taken, most));
  }

  take(): ObjectSummary | undefined {
    this.#taken += 1;
    return this.#rows[this.#at++];
  }

  fill(rows: readonly ObjectSummary[], isEnd: boolean): void {
    this.#rows = rows;
    this.#at = 0;
    this.#taken = 0;
    this.#isFirst = false;
    this.#isEnd = isEnd;
    this.from = undefined;
    const last = rows.at(-1);
    if (last !== undefined) this.after = { key: last.key, versionId: last.versionId };
  }

  end(): void {
    this.#isEnd = true;
  }

  /** What has been read may reach beyond `from`. */
  seek(from: string): void {
    while (this.first !== undefined && compareKeys(this.first.key, from) < 0) this.#at += 1;
    if (this.isHungry) this.from = from;
  }
}

import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  RefusalCode,
  type SetSearchStore,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  type ClusterRow,
  ClusterRowSchema,
  type SearchStoreRow,
  SearchStoreRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { CLUSTER_KEY, searchStoreKey } from "../keys.ts";
import {
  MAX_SEARCH_STORES,
  MAX_STORE_NAME_CHARACTERS,
  MAX_STORE_PATH_CHARACTERS,
  MAX_STORE_SECRET_BYTES,
} from "../limits.ts";
import { done, refused } from "../result.ts";

type Location = SetSearchStore["location"];

/** What is in a store stays there until it is merged or deleted, wherever new segments go. */
export function setSearchStore(state: ApplyState, { location }: SetSearchStore): CommandResult {
  const cluster = state.cluster();
  if (cluster === undefined) return refused(RefusalCode.INVALID, "the cluster is not initialised");
  if (location.case === undefined) return makeCurrent(state, cluster, 0n);
  if (!isBounded(location)) return refused(RefusalCode.INVALID, "the settings of the store");
  const known = storeAt(state, cluster, location);
  const storeId = known?.storeId ?? cluster.searchStoreCount + 1n;
  if (storeId > MAX_SEARCH_STORES) return refused(RefusalCode.SEARCH_STORES_FULL, "");
  const { blobs, bytes } = known ?? { blobs: 0n, bytes: 0n };
  const row = create(SearchStoreRowSchema, { storeId, location, changedAtMs: state.nowMs, blobs, bytes });
  state.write(searchStoreKey(storeId), SearchStoreRowSchema, row);
  const searchStoreCount = storeId > cluster.searchStoreCount ? storeId : cluster.searchStoreCount;
  return makeCurrent(state, { ...cluster, searchStoreCount }, storeId);
}

function makeCurrent(state: ApplyState, cluster: ClusterRow, searchStoreId: bigint): CommandResult {
  state.write(CLUSTER_KEY, ClusterRowSchema, { ...cluster, searchStoreId });
  return done();
}

function storeAt(state: ApplyState, cluster: ClusterRow, location: Location): SearchStoreRow | undefined {
  for (let storeId = 1n; storeId <= cluster.searchStoreCount; storeId++) {
    const row = state.read(searchStoreKey(storeId), SearchStoreRowSchema);
    if (row !== undefined && isSamePlace(row.location, location)) return row;
  }
  return undefined;
}

function isSamePlace(one: Location, other: Location): boolean {
  if (one.case === "directory" && other.case === "directory") return one.value.path === other.value.path;
  if (one.case !== "s3" || other.case !== "s3") return false;
  const { endpoint, bucket, prefix } = other.value;
  return one.value.endpoint === endpoint && one.value.bucket === bucket && one.value.prefix === prefix;
}

/** Its caller knows finer rules. */
function isBounded(location: Location): boolean {
  if (location.case === "directory") {
    const { path } = location.value;
    return path.startsWith("/") && path.length <= MAX_STORE_PATH_CHARACTERS;
  }
  if (location.case !== "s3") return false;
  const { endpoint, region, bucket, prefix, accessKeyId, secretSealed } = location.value;
  const names = [endpoint, region, bucket, accessKeyId];
  return (
    names.every((name) => name.length > 0 && name.length <= MAX_STORE_NAME_CHARACTERS) &&
    prefix.length <= MAX_STORE_PATH_CHARACTERS &&
    secretSealed.length <= MAX_STORE_SECRET_BYTES
  );
}

import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { SearchStoreAdmin, SearchStoreDescription, SearchStorePlace } from "../admin/index.ts";
import {
  SearchBucketSchema,
  SearchDirectorySchema,
  SearchStoreSchema,
  type SearchStoreService,
  type SetSearchStoreRequest,
} from "../gen/skerry/admin/v1/search_store_pb.js";
import type { Guard } from "./guard.ts";

export function searchStoreService(
  stores: SearchStoreAdmin,
  guard: Guard,
): ServiceImpl<typeof SearchStoreService> {
  return {
    listSearchStores: (_, context) =>
      guard.unary("SearchStoreService/ListSearchStores", context, [], async () => ({
        stores: (await stores.list()).map(message),
      })),
    setSearchStore: ({ location }, context) =>
      guard.unary("SearchStoreService/SetSearchStore", context, [], async () => ({
        stores: (await stores.set(placeOf(location), context.signal)).map(message),
      })),
  };
}

function placeOf(location: SetSearchStoreRequest["location"]): SearchStorePlace {
  switch (location.case) {
    case "directory":
      return { kind: "directory", path: location.value.path };
    case "bucket": {
      const { endpoint, region, bucket, prefix, accessKeyId, secretAccessKey } = location.value;
      return { kind: "bucket", endpoint, region, bucket, prefix, accessKeyId, secretAccessKey };
    }
    case undefined:
      return { kind: "cluster" };
  }
}

function message({ storeId, place, isCurrent, blobs, bytes, changedAtMs }: SearchStoreDescription) {
  return create(SearchStoreSchema, {
    storeId: BigInt(storeId),
    location: locationOf(place),
    current: isCurrent,
    blobs: BigInt(blobs),
    bytes: BigInt(bytes),
    changedAtMs: BigInt(changedAtMs),
  });
}

function locationOf(place: SearchStorePlace) {
  switch (place.kind) {
    case "cluster":
      return { case: undefined };
    case "directory":
      return { case: "directory" as const, value: create(SearchDirectorySchema, { path: place.path }) };
    case "bucket": {
      const { kind: _, ...named } = place;
      return {
        case: "bucket" as const,
        value: create(SearchBucketSchema, { ...named, secretAccessKey: "" }),
      };
    }
  }
}

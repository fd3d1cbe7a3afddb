import { create } from "@bufbuild/protobuf";
import type { Sealer } from "../access/index.ts";
import { RefusalCode, type SetSearchStore, SetSearchStoreSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { type S3Store, S3StoreSchema, type SearchStoreRow } from "../gen/skerry/meta/v1/rows_pb.js";
import { type Metadata, MetaError } from "../meta/index.ts";
import { AdminError } from "./errors.ts";
import type { SearchStoreAdmin, SearchStoreDescription, SearchStorePlace } from "./ports.ts";

export interface SearchStoreAdminOptions {
  readonly metadata: Metadata;
  readonly sealer: Sealer;
  /** Makes a store ready and tries it out, as this node reaches it; what it does wrong, for people. */
  readonly tryOut: (location: SetSearchStore["location"], signal: AbortSignal) => Promise<string | undefined>;
}

/** Names the row and the field of a sealed secret. The number of a store is not known before the command is applied; its place is what it is known by. */
export function storeSecretContext({
  endpoint,
  bucket,
  prefix,
  accessKeyId,
}: Pick<S3Store, "endpoint" | "bucket" | "prefix" | "accessKeyId">): string {
  return `search-store/${endpoint}/${bucket}/${prefix}/${accessKeyId}/secret`;
}

/** Where index segments of namespaces go. Nothing here ever shows a secret. */
export class SearchStoreAdministration implements SearchStoreAdmin {
  readonly #options: SearchStoreAdminOptions;

  constructor(options: SearchStoreAdminOptions) {
    this.#options = options;
  }

  async list(): Promise<readonly SearchStoreDescription[]> {
    const { metadata } = this.#options;
    await metadata.barrier().catch(translate);
    const { searchStoreCount = 0n, searchStoreId = 0n } = metadata.view.cluster() ?? {};
    const stores: SearchStoreDescription[] = [];
    for (let storeId = 1n; storeId <= searchStoreCount; storeId++) {
      const row = metadata.view.searchStore(storeId);
      if (row !== undefined) stores.push(describe(row, searchStoreId));
    }
    return stores;
  }

  async set(place: SearchStorePlace, signal: AbortSignal): Promise<readonly SearchStoreDescription[]> {
    const location = this.#locationOf(place);
    if (location.case !== undefined) {
      const problem = await this.#options.tryOut(location, signal);
      if (problem !== undefined) {
        const advice = "mend the store, or name another one; nothing was changed";
        throw new AdminError("refused", `the store can not be used: ${problem}`, {
          refusal: { reason: "store-unfit", advice },
        });
      }
    }
    const value = create(SetSearchStoreSchema, { location });
    const { result } = await this.#options.metadata
      .submit({ case: "setSearchStore", value })
      .catch(translate);
    if (result.case === "refusal") throw refusalOf(result.value.code, result.value.detail);
    return this.list();
  }

  #locationOf(place: SearchStorePlace): SetSearchStore["location"] {
    switch (place.kind) {
      case "cluster":
        return { case: undefined };
      case "directory":
        return {
          case: "directory",
          value: { $typeName: "skerry.meta.v1.DirectoryStore", path: place.path },
        };
      case "bucket": {
        const { kind: _, secretAccessKey, ...named } = place;
        if (secretAccessKey === "") throw new AdminError("invalid", "a bucket needs a secret access key");
        const secret = new TextEncoder().encode(secretAccessKey);
        const secretSealed = this.#options.sealer.seal(secret, storeSecretContext(named));
        return { case: "s3", value: create(S3StoreSchema, { ...named, secretSealed }) };
      }
    }
  }
}

function describe(row: SearchStoreRow, currentId: bigint): SearchStoreDescription {
  const { storeId, location, blobs, bytes, changedAtMs } = row;
  const place: SearchStorePlace =
    location.case === "s3"
      ? { kind: "bucket", ...shown(location.value) }
      : { kind: "directory", path: location.value?.path ?? "" };
  return {
    storeId: Number(storeId),
    place,
    isCurrent: storeId === currentId,
    blobs: Number(blobs),
    bytes: Number(bytes),
    changedAtMs: Number(changedAtMs),
  };
}

function shown({ endpoint, region, bucket, prefix, accessKeyId }: S3Store) {
  return { endpoint, region, bucket, prefix, accessKeyId, secretAccessKey: "" };
}

function refusalOf(code: RefusalCode, detail: string): AdminError {
  if (code === RefusalCode.SEARCH_STORES_FULL)
    return new AdminError("overloaded", "a cluster knows at most 16 stores; set one of them again");
  return new AdminError("invalid", detail);
}

function translate(error: unknown): never {
  if (error instanceof MetaError) throw new AdminError(error.code, error.message, { cause: error });
  throw error;
}

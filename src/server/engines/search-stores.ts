import { deriveKey, type Sealer } from "../../access/index.ts";
import { storeSecretContext } from "../../admin/index.ts";
import { toHex } from "../../base/index.ts";
import type { SearchStoreRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Metadata } from "../../meta/index.ts";
import {
  DirectoryStore,
  OutsideBlobs,
  type OutsideStore,
  probeStore,
  SearchError,
} from "../../search/index.ts";
import { S3Client } from "../stores/s3-client.ts";
import { S3Store } from "../stores/s3-store.ts";
import type { Closers, EnginesOptions } from "./options.ts";
import { blockSeal } from "./search-cache.ts";

export interface SearchStoresJoins {
  readonly metadata: Metadata;
  readonly sealer: Sealer;
  readonly newId: () => Uint8Array;
}

type Location = SearchStoreRow["location"];

/** Stores outside the cluster, as the metadata have them. */
export class SearchStores {
  readonly blobs: OutsideBlobs;
  readonly #options: EnginesOptions;
  readonly #joins: SearchStoresJoins;
  readonly #clients: S3Client[] = [];

  constructor(options: EnginesOptions, joins: SearchStoresJoins, closers: Closers) {
    this.#options = options;
    this.#joins = joins;
    const { random } = options.platform;
    const { keyEncryptionKey } = options.identified.stored.identity;
    this.blobs = new OutsideBlobs({
      row: (storeId) => joins.metadata.view.searchStore(storeId),
      open: (location) => this.#open(location),
      // Each blob has a key of its own, so that no key seals often enough for random nonces to meet.
      sealOf: (blobHex) =>
        blockSeal(deriveKey(keyEncryptionKey, `skerry/search-store/v1/${blobHex}`), random),
      newBlobId: joins.newId,
      randomBytes: (length) => random.bytes(length),
      timers: options.platform.timers,
    });
    closers.push(() => {
      for (const client of this.#clients) client.close();
    });
  }

  /** Makes a store ready that is not used yet, and tries it out. */
  async tryOut(location: Location, signal: AbortSignal): Promise<string | undefined> {
    const { random } = this.#options.platform;
    try {
      const store = this.#open(location);
      await store.prepare(signal);
      const name = toHex(this.#joins.newId());
      return await probeStore(store, { name, randomBytes: (length) => random.bytes(length) }, signal);
    } catch (error) {
      if (error instanceof SearchError) return error.message;
      throw error;
    }
  }

  #open(location: Location): OutsideStore {
    const { platform, identified } = this.#options;
    const { clusterId } = identified.stored.identity;
    if (location.case === "directory") {
      return new DirectoryStore({ disk: platform.disk, path: location.value.path, clusterId });
    }
    if (location.case === undefined) throw new SearchError("unavailable", "a store without a place");
    const { endpoint, region, bucket, prefix, accessKeyId, secretSealed } = location.value;
    const secret = this.#joins.sealer.open(secretSealed, storeSecretContext(location.value));
    const client = new S3Client({
      ...platform,
      endpoint: new URL(endpoint),
      region,
      accessKeyId,
      secret: new TextDecoder().decode(secret),
    });
    this.#clients.push(client);
    return new S3Store({ client, hasher: platform.hasher, bucket, prefix, clusterId });
  }
}

import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { type SearchStore, SearchStoreService } from "../../src/gen/skerry/admin/v1/search_store_pb.js";
import { CommandError } from "./exit.ts";
import {
  addRemoteOptions,
  formatBytes,
  formatTime,
  printJson,
  printTable,
  type RemoteOptions,
  remote,
  WITHOUT_TIME_LIMIT,
} from "./remote.ts";

interface BucketOptions extends RemoteOptions {
  readonly store: string;
  readonly region: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly accessKey: string;
  readonly secretKeyFile?: string;
}

/** Where index segments of namespaces are. */
export function addStoreCommands(namespaces: Command): void {
  const family = namespaces
    .command("store")
    .description("Where index segments of namespaces are: on the cluster's own nodes, or in a store outside");

  addRemoteOptions(family.command("show"))
    .description("Where new segments go, and what is in each store outside the cluster")
    .action(async (options: RemoteOptions) =>
      show((await remote(SearchStoreService, options).listSearchStores({})).stores, options),
    );

  addRemoteOptions(family.command("set-cluster"))
    .description(
      "New segments go to the cluster's own nodes; what is elsewhere stays there until it is merged",
    )
    .action(async (options: RemoteOptions) => set({ case: undefined }, options));

  addRemoteOptions(family.command("set-directory <path>"))
    .description("New segments go to a directory that every node has at this path, as NFS gives it to them")
    .action(async (path: string, options: RemoteOptions) =>
      set({ case: "directory", value: { path } }, options),
    );

  addRemoteOptions(family.command("set-bucket"))
    .description(
      "New segments go to a bucket of a service that speaks S3 and decides If-None-Match on writes",
    )
    .requiredOption("--store <url>", 'the service: "https://s3.example.com"')
    .requiredOption("--bucket <name>", "a bucket that is there")
    .requiredOption("--access-key <id>", "the id of the key that the nodes use")
    .option("--region <region>", "as the service calls it", "us-east-1")
    .option("--prefix <prefix>", 'of the names of objects; ends with "/"', "")
    .option(
      "--secret-key-file <file>",
      "file that holds the secret key (default: the variable SKERRY_STORE_SECRET_KEY)",
    )
    .action(async (options: BucketOptions) => {
      const { store: endpoint, region, bucket, prefix, accessKey: accessKeyId } = options;
      const secretAccessKey = secretKey(options);
      await set(
        { case: "bucket", value: { endpoint, region, bucket, prefix, accessKeyId, secretAccessKey } },
        options,
      );
    });
}

type Location = NonNullable<
  Parameters<ReturnType<typeof remote<typeof SearchStoreService>>["setSearchStore"]>[0]["location"]
>;

async function set(location: Location, options: RemoteOptions): Promise<void> {
  const { stores } = await remote(SearchStoreService, options).setSearchStore(
    { location },
    WITHOUT_TIME_LIMIT,
  );
  show(stores, options);
}

/** Never from a flag: flags show in process lists. */
function secretKey({ secretKeyFile }: BucketOptions): string {
  if (secretKeyFile === undefined) return process.env["SKERRY_STORE_SECRET_KEY"] ?? "";
  try {
    return readFileSync(secretKeyFile, "utf8").trim();
  } catch (error) {
    throw new CommandError(`the file ${secretKeyFile} cannot be read: ${(error as Error).message}`, 2);
  }
}

function show(stores: readonly SearchStore[], options: RemoteOptions): void {
  if (options.output === "json") {
    printJson(stores);
    return;
  }
  const current = stores.find((store) => store.current);
  const place = current === undefined ? "the cluster's own nodes" : placeOf(current);
  process.stdout.write(`New index segments go to ${place}.\n`);
  if (stores.length === 0) return;
  printTable(
    ["STORE", "SEGMENTS", "SIZE", "CHANGED", "PLACE"],
    stores.map((store) => [
      String(store.storeId),
      String(store.blobs),
      formatBytes(store.bytes),
      formatTime(store.changedAtMs),
      placeOf(store),
    ]),
  );
}

function placeOf({ location }: SearchStore): string {
  if (location.case === "directory") return location.value.path;
  if (location.case === undefined) return "";
  const { endpoint, bucket, prefix } = location.value;
  return `${endpoint}/${bucket}/${prefix}`;
}

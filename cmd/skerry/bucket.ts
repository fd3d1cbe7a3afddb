import type { Command } from "commander";
import { BucketService } from "../../src/gen/skerry/storage/v1/storage_pb.js";
import { addRemoteOptions, formatTime, printJson, printTable, type RemoteOptions, remote } from "./remote.ts";

export function addBucketCommands(program: Command): void {
  const bucket = program.command("bucket").description("Buckets");

  addRemoteOptions(bucket.command("create <name>"))
    .description("Make a bucket")
    .action(async (name: string, options: RemoteOptions) => {
      const made = await remote(BucketService, options).createBucket({ bucket: name });
      if (options.output === "json") printJson(made.bucket);
    });

  addRemoteOptions(bucket.command("list"))
    .description("All buckets that the key may touch")
    .action(async (options: RemoteOptions) => {
      const client = remote(BucketService, options);
      const rows: string[][] = [];
      let pageToken = "";
      do {
        const page = await client.listBuckets({ pageToken });
        for (const row of page.buckets) {
          if (options.output === "json") printJson(row);
          else rows.push([row.name, formatTime(row.createdAtMs)]);
        }
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      if (options.output !== "json") printTable(["BUCKET", "CREATED"], rows);
    });

  addRemoteOptions(bucket.command("delete <name>"))
    .description("Remove an empty bucket")
    .action(async (name: string, options: RemoteOptions) => {
      await remote(BucketService, options).deleteBucket({ bucket: name });
      if (options.output === "json") printJson({ deleted: name });
    });
}

import { basename } from "node:path";
import { SingleBar } from "cli-progress";
import type { Command } from "commander";
import {
  type GetObjectResponse,
  ObjectService,
  type Object$ as RemoteObject,
} from "../../src/gen/skerry/storage/v1/storage_pb.js";
import { CommandError } from "./exit.ts";
import { type ByteSink, fileToRead, openTarget, standardOutput } from "./local-file.ts";
import {
  addRemoteOptions,
  formatBytes,
  formatTime,
  printJson,
  printTable,
  type RemoteOptions,
  remote,
  visible,
  WITHOUT_TIME_LIMIT,
} from "./remote.ts";

interface Place {
  readonly bucket: string;
  readonly key: string;
}

export function addObjectCommands(program: Command): void {
  const object = program.command("object").description("Objects; remote places are written s3://bucket/key");

  addRemoteOptions(object.command("cp <source> <target>"))
    .description("Copy a file to the cluster, from it, or inside it (which moves no bytes)")
    .option("--content-type <type>", "of an uploaded object", "application/octet-stream")
    .action(copy);

  addRemoteOptions(object.command("ls <place>"))
    .description("List s3://bucket or s3://bucket/prefix")
    .option("--recursive", "also what lies behind the next slash", false)
    .action(list);

  addRemoteOptions(object.command("cat <place>"))
    .description("Write an object to standard output")
    .action(async (place: string, options: RemoteOptions) => {
      await download(remotePlace(place), options, standardOutput, undefined);
    });

  addRemoteOptions(object.command("rm <place...>"))
    .description("Remove objects; one that is not there is fine")
    .action(async (places: string[], options: RemoteOptions) => {
      const client = remote(ObjectService, options);
      for (const place of places) {
        await client.deleteObject(remotePlace(place));
        if (options.output === "json") printJson({ deleted: place });
      }
    });
}

async function copy(
  source: string,
  target: string,
  options: RemoteOptions & { contentType: string },
): Promise<void> {
  const from = parsePlace(source);
  const to = parsePlace(target);
  if (from === undefined && to === undefined)
    throw new CommandError("one of source and target is s3://bucket/key", 2);
  if (from !== undefined && to !== undefined) {
    const key = to.key === "" || to.key.endsWith("/") ? to.key + basename(from.key) : to.key;
    const named = { sourceBucket: from.bucket, sourceKey: from.key, bucket: to.bucket, key };
    // Bytes do move where one of the two is encrypted and the other is not.
    const result = await remote(ObjectService, options).copyObject(named, WITHOUT_TIME_LIMIT);
    return report(result.object, options);
  }
  if (to !== undefined) return upload(source, to, options);
  if (from !== undefined) return downloadFile(from, target, options);
}

async function upload(
  path: string,
  to: Place,
  options: RemoteOptions & { contentType: string },
): Promise<void> {
  const file = await fileToRead(path);
  const { size } = file;
  const key = to.key === "" || to.key.endsWith("/") ? to.key + basename(path) : to.key;
  const bar = progress(size, options);
  async function* messages() {
    const header = { bucket: to.bucket, key, size: BigInt(size), contentType: options.contentType };
    yield { part: { case: "header" as const, value: header } };
    for await (const value of file.pieces()) {
      yield { part: { case: "data" as const, value } };
      bar?.increment(value.length);
    }
  }
  try {
    const result = await remote(ObjectService, options).putObject(messages(), WITHOUT_TIME_LIMIT);
    report(result.object, options);
  } finally {
    bar?.stop();
    await file.close();
  }
}

async function downloadFile(from: Place, path: string, options: RemoteOptions): Promise<void> {
  const target = await openTarget(path, basename(from.key));
  try {
    const found = await download(from, options, target, (size) => progress(size, options));
    await target.finish();
    report(found, options);
  } catch (error) {
    await target.abandon();
    throw error;
  }
}

/** Writes the bytes, no faster than they are taken; refuses to call it done when fewer came than the object has. */
async function download(
  from: Place,
  options: RemoteOptions,
  into: ByteSink,
  makeBar: ((size: number) => SingleBar | undefined) | undefined,
): Promise<RemoteObject> {
  let found: RemoteObject | undefined;
  let bar: SingleBar | undefined;
  let received = 0;
  try {
    for await (const { part } of remote(ObjectService, options).getObject(
      from,
      WITHOUT_TIME_LIMIT,
    ) as AsyncIterable<GetObjectResponse>) {
      if (part.case === "object") {
        found = part.value;
        bar = makeBar?.(Number(found.size));
      } else if (part.case === "data") {
        received += part.value.length;
        bar?.increment(part.value.length);
        await into.write(part.value);
      }
    }
  } finally {
    bar?.stop();
  }
  if (found === undefined || received !== Number(found.size)) {
    throw new CommandError(`the download ended early: ${received} of ${found?.size ?? "unknown"} bytes`, 3);
  }
  return found;
}

async function list(place: string, options: RemoteOptions & { recursive: boolean }): Promise<void> {
  const { bucket, key } = remotePlace(place);
  const client = remote(ObjectService, options);
  const rows: string[][] = [];
  let pageToken = "";
  do {
    const delimiter = options.recursive ? "" : "/";
    const page = await client.listObjects({ bucket, prefix: key, delimiter, pageToken });
    for (const prefix of page.commonPrefixes) {
      if (options.output === "json") printJson({ prefix });
      else rows.push(["", "", prefix]);
    }
    for (const row of page.objects) {
      if (options.output === "json") printJson(listed(row));
      else rows.push([formatTime(row.modifiedAtMs), formatBytes(row.size), row.key]);
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  if (options.output !== "json") printTable(["MODIFIED", "SIZE", "KEY"], rows);
}

/** Lists do not say what type an object has and which metadata: not there is not the same as empty. */
function listed({ contentType: _, userMetadata: __, ...known }: RemoteObject) {
  return known;
}

function report(object: RemoteObject | undefined, options: RemoteOptions): void {
  if (object === undefined) return;
  if (options.output === "json") printJson(object);
  else process.stderr.write(`${visible(object.key)}: ${formatBytes(object.size)}, ETag ${object.etag}\n`);
}

/** On standard error, and only for a person. */
function progress(size: number, options: RemoteOptions): SingleBar | undefined {
  if (options.output === "json" || !process.stderr.isTTY) return undefined;
  const bar = new SingleBar({
    stream: process.stderr,
    format: "{bar} {percentage} % | {value}/{total} | {eta_formatted} left",
    formatValue: (value, _, type) =>
      type === "value" || type === "total" ? formatBytes(value) : String(value),
    hideCursor: true,
  });
  bar.start(size, 0);
  return bar;
}

function parsePlace(text: string): Place | undefined {
  const match = /^s3:\/\/([^/]+)\/?(.*)$/s.exec(text);
  return match?.[1] === undefined ? undefined : { bucket: match[1], key: match[2] ?? "" };
}

function remotePlace(text: string): Place {
  const place = parsePlace(text);
  if (place === undefined)
    throw new CommandError(`${text} is not a place in the cluster; write s3://bucket/key`, 2);
  return place;
}

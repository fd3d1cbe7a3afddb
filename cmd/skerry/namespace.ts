import type { Command } from "commander";
import type { Query, Quota, Schema, SkerryClient } from "../../src/client/index.ts";
import { CommandError } from "./exit.ts";
import {
  client,
  jsonOption,
  on,
  onAll,
  printJson,
  printJsonOf,
  translated,
  waitOf,
  withNamespace,
} from "./namespace-calls.ts";
import { addStoreCommands } from "./namespace-store.ts";
import { addUpkeepCommands } from "./namespace-upkeep.ts";
import { upsertLines } from "./namespace-upsert.ts";
import { formatBytes, formatTime, printTable, type RemoteOptions } from "./remote.ts";
import { wholeNumber } from "./whole-number.ts";

export function addNamespaceCommands(program: Command): void {
  const family = program
    .command("ns")
    .description('Namespaces: documents that are searched; written "name" or "org/project/name"');

  on(family, "create <namespace>", "Make a namespace, or find it with the same schema")
    .option("--schema <json|@file>", "its fields (default: taken from the first documents)", "{}")
    .action((name: string, options: RemoteOptions & { schema: string }) =>
      withNamespace(name, options, async (namespace) => {
        const made = await namespace.create({ schema: jsonOption(options.schema, "--schema") as object });
        if (options.output === "json") printJson(made);
      }),
    );

  on(family, "list", "Namespaces of a project that the key may read")
    .option("--project <org/project>", "default: the project of the key")
    .option("--prefix <text>", "only names that begin with it", "")
    .action((options: RemoteOptions & { project?: string; prefix: string }) =>
      translated(async () => {
        const rows: string[][] = [];
        const { project, prefix } = options;
        for await (const row of client(options).namespaces({
          prefix,
          ...(project !== undefined && { project }),
        })) {
          if (options.output === "json") await printJsonOf(row);
          else {
            const {
              indexed_documents: indexed = 0,
              unindexed_documents: fresh = 0,
              segment_bytes: bytes = 0,
            } = row.statistics;
            rows.push([
              `${row.org}/${row.project}/${row.namespace}`,
              String(row.version),
              String(indexed + fresh),
              formatBytes(bytes),
              formatTime(BigInt(row.created_at_ms)),
            ]);
          }
        }
        if (options.output !== "json")
          printTable(["NAMESPACE", "VERSION", "DOCUMENTS", "INDEX", "CREATED"], rows);
      }),
    );

  on(family, "get <namespace>", "Schema, settings, statistics and lineage").action(
    (name: string, options: RemoteOptions) =>
      withNamespace(name, options, async (namespace) => printJson(await namespace.info())),
  );

  on(family, "delete <namespace>", "Remove a namespace; its branches stay").action(
    (name: string, options: RemoteOptions) =>
      withNamespace(name, options, async (namespace) => {
        await namespace.delete();
        if (options.output === "json") printJson({ deleted: name });
      }),
  );

  on(family, "upsert <namespace> [file]", "Write documents, one JSON object a line (default: standard input)")
    .option("--batch <documents>", "documents of one atomic batch", "500")
    .action((name: string, file: string | undefined, options: RemoteOptions & { batch: string }) =>
      withNamespace(name, options, async (namespace) => {
        const done = await upsertLines(namespace, file, batchSize(options.batch));
        if (options.output === "json") printJson(done);
      }),
    );

  on(
    family,
    "query <namespace> <json|@file>",
    'Search, as the REST API takes it: \'{"text":"rocks","top_k":3}\'',
  ).action((name: string, query: string, options: RemoteOptions) =>
    withNamespace(name, options, async (namespace) => {
      printJson(await namespace.query(jsonOption(query, "the query") as Query));
    }),
  );

  on(
    family,
    "branch <namespace> <target>",
    "A namespace that shares everything with its source and goes its own way",
  )
    .option("--at-version <version>", "of a version of the past")
    .action((name: string, target: string, options: RemoteOptions & { atVersion?: string }) =>
      withNamespace(name, options, async (namespace) => {
        const { atVersion } = options;
        const made = await namespace.branch(
          target,
          atVersion === undefined ? {} : { at_version: wholeNumber(atVersion, "--at-version") },
        );
        if (options.output === "json") printJson(made);
      }),
    );

  on(family, "quota <scope>", 'What "org" or "org/project" holds and may hold; with an option, other limits')
    .option("--max-namespaces <number>", "0: no limit")
    .option("--max-bytes <bytes>", "0: no limit")
    .option("--max-documents <number>", "0: no limit")
    .action((scope: string, options: RemoteOptions & QuotaOptions) =>
      translated(async () => showQuota(await quotaOf(client(options), scope, options), options)),
    );

  on(family, "export <namespace>", "Every document, one JSON object a line").action(
    (name: string, options: RemoteOptions) =>
      withNamespace(name, options, async (namespace) => {
        for await (const document of namespace.export()) await printJsonOf(document);
      }),
  );

  onAll(
    family,
    "copy <namespace> <target>",
    "Write every document again, into a schema that may be another one",
  )
    .option("--at-version <version>", "of a version of the past")
    .option("--schema <json|@file>", "its fields (default: those of the source)")
    .action(
      (name: string, target: string, options: RemoteOptions & { atVersion?: string; schema?: string }) =>
        withNamespace(name, options, async (namespace) => {
          const { atVersion, schema } = options;
          const made = await namespace.copy(target, {
            ...waitOf(options),
            ...(atVersion !== undefined && { at_version: wholeNumber(atVersion, "--at-version") }),
            ...(schema !== undefined && { schema: jsonOption(schema, "--schema") as Schema }),
          });
          if (options.output === "json") printJson(made);
        }),
    );

  addUpkeepCommands(family);
  addStoreCommands(family);
}

interface QuotaOptions {
  readonly maxNamespaces?: string;
  readonly maxBytes?: string;
  readonly maxDocuments?: string;
}

/** Limits that are not named stay. */
async function quotaOf(skerry: SkerryClient, scope: string, options: QuotaOptions): Promise<Quota> {
  const present = await skerry.quota(scope);
  const { maxNamespaces, maxBytes, maxDocuments } = options;
  if (maxNamespaces === undefined && maxBytes === undefined && maxDocuments === undefined) return present;
  return skerry.setQuota(scope, {
    max_namespaces: limitOption(maxNamespaces, "--max-namespaces") ?? present.max_namespaces,
    max_bytes: limitOption(maxBytes, "--max-bytes") ?? present.max_bytes,
    max_documents: limitOption(maxDocuments, "--max-documents") ?? present.max_documents,
  });
}

function limitOption(text: string | undefined, option: string): number | undefined {
  return text === undefined ? undefined : wholeNumber(text, option);
}

function showQuota(quota: Quota, { output }: RemoteOptions): void {
  if (output === "json") {
    printJson(quota);
    return;
  }
  const limit = (most: number) => (most === 0 ? "-" : String(most));
  printTable(
    ["WHAT", "IS", "AT MOST"],
    [
      ["namespaces", String(quota.namespaces), limit(quota.max_namespaces)],
      ["bytes", String(quota.bytes), limit(quota.max_bytes)],
      ["documents", String(quota.documents), limit(quota.max_documents)],
    ],
  );
}

function batchSize(text: string): number {
  const size = Number(text);
  if (Number.isInteger(size) && size >= 1 && size <= 10_000) return size;
  throw new CommandError("--batch is a number from 1 to 10000", 2);
}

/** Commands that change nothing of what a namespace holds: its segments, its caches, and whether all is as it should be. */
import type { Command } from "commander";
import type { VerifyReport } from "../../src/client/index.ts";
import { CommandError } from "./exit.ts";
import { on, onAll, printJson, waitOf, withNamespace } from "./namespace-calls.ts";
import { formatBytes, printTable, type RemoteOptions } from "./remote.ts";
import { wholeNumber } from "./whole-number.ts";

export function addUpkeepCommands(family: Command): void {
  onAll(
    family,
    "verify <namespace>",
    "Read everything again and compare; exit code 1 where something is wrong",
  ).action((name: string, options: RemoteOptions) =>
    withNamespace(name, options, async (namespace) =>
      showVerified(await namespace.verify(waitOf(options)), options),
    ),
  );

  onAll(family, "compact <namespace>", "Write everything into as few index segments as may be").action(
    (name: string, options: RemoteOptions) =>
      withNamespace(name, options, async (namespace) => {
        const report = await namespace.compact(waitOf(options));
        if (options.output === "json") return printJson(report);
        console.log(`${report.segments_before} segments before, ${report.segments_after} now`);
        if (!report.done) console.log("there is more to merge; another merge of it may be under way");
      }),
  );

  onAll(family, "warm <namespace>", "Read it into the caches of the node that answers").action(
    (name: string, options: RemoteOptions) =>
      withNamespace(name, options, async (namespace) => {
        const report = await namespace.warm(waitOf(options));
        if (options.output === "json") return printJson(report);
        console.log(`${report.blobs} blobs, ${formatBytes(report.bytes)}, ${report.took_ms.toFixed(0)} ms`);
      }),
  );

  on(family, "pin <namespace>", "Keep it in the caches of every node").action(
    (name: string, options: RemoteOptions) =>
      withNamespace(name, options, async (namespace) => {
        const info = await namespace.pin();
        if (options.output === "json") printJson(info);
      }),
  );

  on(family, "unpin <namespace>", "Let the caches forget it").action((name: string, options: RemoteOptions) =>
    withNamespace(name, options, async (namespace) => {
      const info = await namespace.unpin();
      if (options.output === "json") printJson(info);
    }),
  );

  onAll(family, "recall <namespace>", "What part of the exact answers the vector index finds")
    .option("--samples <number>", "vectors of the namespace that are searched for, at most 100", "25")
    .option("--top-k <number>", "results of each", "10")
    .action((name: string, options: RemoteOptions & { samples: string; topK: string }) =>
      withNamespace(name, options, async (namespace) => {
        const report = await namespace.recall({
          ...waitOf(options),
          samples: wholeNumber(options.samples, "--samples", 1, 100),
          top_k: wholeNumber(options.topK, "--top-k", 1, 1_000),
        });
        if (options.output === "json") return printJson(report);
        console.log(
          `recall@${options.topK} ${report.recall.toFixed(3)}, worst ${report.worst.toFixed(3)}, ${report.queries} queries`,
        );
      }),
    );
}

function showVerified(report: VerifyReport, { output }: RemoteOptions): void {
  const { version, blobs, bytes, documents, findings } = report;
  if (output === "json") printJson(report);
  else {
    console.log(`version ${version}: ${documents} documents, ${blobs} blobs, ${formatBytes(bytes)}`);
    if (findings.length > 0)
      printTable(
        ["KIND", "SEGMENT", "SECTION", "FIELD", "DOCUMENT", "PROBLEM"],
        findings.map((finding) => [
          finding.kind,
          finding.batch === undefined ? String(finding.segment ?? "-") : `batch ${finding.batch}`,
          finding.section || "-",
          finding.field || "-",
          String(finding.document ?? "-"),
          finding.problem,
        ]),
      );
  }
  if (findings.length > 0) throw new CommandError(`${findings.length} findings`, 1);
}

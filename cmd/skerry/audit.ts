import type { Command } from "commander";
import { type AuditReport, verifyAuditLog } from "../../src/observe/index.ts";
import { NodeDisk, PlainHasher } from "../../src/platform/node/index.ts";
import { CommandError } from "./exit.ts";
import { outputOption, printJson } from "./remote.ts";

interface VerifyOptions {
  readonly expectHash?: string;
  readonly output: "text" | "json";
}

const HELP = `
The hash of the last line is printed. Keep it elsewhere: whoever can write the files can also make a new chain, or cut its end off, and only a hash that was
kept tells. With --expect-hash the command looks for that line.

Exit code 5: the log is not as it was written, or does not end in the line that was expected.`;

export function addAuditCommands(program: Command): void {
  program
    .command("audit")
    .description("The audit log")
    .command("verify <directory>")
    .description("Check the chain of an audit log: <node.data_dir>/audit of a node, or a copy of it")
    .option("--expect-hash <hash>", "the hash that the last line is to have")
    .addOption(outputOption())
    .addHelpText("after", HELP)
    .action(async (directory: string, options: VerifyOptions) => {
      const report = await verifyAuditLog({ disk: new NodeDisk(), directory, hasher: new PlainHasher() });
      if (options.output === "json") printJson(report);
      else process.stdout.write(reportText(report));
      // A last line without its end is what a crash leaves, and no sign of a hand.
      const broken = report.problems.filter(({ kind }) => kind !== "torn-tail");
      if (broken.length > 0) throw new CommandError("the audit log is not as it was written", 5);
      if (report.files === 0) throw new CommandError(`there is no audit log in ${directory}`, 4);
      if (options.expectHash !== undefined && options.expectHash !== report.headHash) {
        throw new CommandError("the audit log does not end in the line that was expected", 5);
      }
    });
}

function reportText({ files, records, problems, headHash, isPruned }: AuditReport): string {
  const lines = [
    `${records} entries in ${files} files${isPruned ? "; older ones have been removed" : ""}`,
    `last line ${headHash}`,
    ...problems.map(({ kind, path, line }) => `${path}:${line}: ${kind}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** What a chaos run needs of the machine, and why it cannot run where something is missing. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cleanEnvironment } from "../support/clean-environment.ts";

const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ["ip", ["-V"]],
  ["nsenter", ["--version"]],
  ["mount", ["--version"]],
  ["cc", ["--version"]],
];

/** A line for each thing that is missing; empty: everything can be tested here. */
export function missingAbilities(): readonly string[] {
  if (process.platform !== "linux") return [`network namespaces: this is ${process.platform}, not Linux`];
  const missing = COMMANDS.flatMap(([command, args]) => problemWith(command, args));
  if (process.getuid?.() !== 0) missing.push("root: namespaces, devices and mounts cannot be made");
  if (!existsSync("/dev/net/tun")) missing.push("/dev/net/tun: there is no way to carry packets");
  if (missing.length > 0) return missing;
  const name = `skerry-probe-${process.pid}`;
  missing.push(...problemWith("ip", ["netns", "add", name]));
  spawnSync("ip", ["netns", "delete", name], { env: cleanEnvironment() });
  return missing;
}

function problemWith(command: string, args: readonly string[]): string[] {
  const { error, status, stderr } = spawnSync(command, args, { env: cleanEnvironment(), encoding: "utf8" });
  if (error === undefined && status === 0) return [];
  return [`${command} ${args.join(" ")}: ${error?.message ?? stderr.trim()}`];
}

/** The promise: the preloaded library spoils what it is told to, nothing else, and at once. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { FaultControl } from "./fault-control.ts";
import { compileNative } from "./native.ts";

const canCompile = process.platform === "linux" && spawnSync("cc", ["--version"]).status === 0;
if (!canCompile)
  console.warn("SKIPPED: the fault library is not tested: there is no C compiler (cc) for Linux here");

/** Prints what became of a write and a sync of two files, and the hour of its clock. */
const PROGRAM = `
const { openSync, writeSync, fdatasyncSync, fsyncSync } = require("node:fs");
const attempt = (action) => { try { action(); return "done"; } catch (error) { return error.code; } };
const said = process.argv.slice(1).map((path) => {
  const file = openSync(path, "w");
  return [attempt(() => writeSync(file, "x", 0)), attempt(() => fdatasyncSync(file)), attempt(() => fsyncSync(file))].join(" ");
});
console.log(JSON.stringify({ said, nowMs: Date.now() }));`;

describe.skipIf(!canCompile)("the fault library", () => {
  let directory: string;
  let library: string;
  let control: FaultControl;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "skerry-faults-"));
    library = compileNative(directory).faults;
    control = new FaultControl(join(directory, "control"));
  });

  afterAll(() => {
    control?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  function observe(): { said: string[]; nowMs: number } {
    const files = [join(directory, "raft-log"), join(directory, "other")];
    const output = execFileSync(process.execPath, ["-e", PROGRAM, ...files], {
      env: cleanEnvironment({ LD_PRELOAD: library, CHAOS_CONTROL: control.path }),
    });
    return JSON.parse(output.toString()) as { said: string[]; nowMs: number };
  }

  it("lets everything pass until it is told otherwise", () => {
    expect(observe().said).toEqual(["done done done", "done done done"]);
    expect(control.given()).toBe(0);
  });

  it("fails syncs of the files that are meant, and counts them", () => {
    control.fail("sync", "/raft-");
    expect(observe().said).toEqual(["done EIO EIO", "done done done"]);
    expect(control.given()).toBe(2);
    control.failNothing();
    expect(observe().said).toEqual(["done done done", "done done done"]);
  });

  it("fails writes of the files that are meant", () => {
    control.fail("write", "/other");
    expect(observe().said).toEqual(["done done done", "EIO done done"]);
    control.failNothing();
  });

  it.each([-5_400_000, 5_400_000])("sets the clock off by %d ms", (offsetMs) => {
    control.setClockOffset(offsetMs);
    const before = Date.now() + offsetMs;
    const { nowMs } = observe();
    expect(nowMs).toBeGreaterThanOrEqual(before);
    expect(nowMs).toBeLessThanOrEqual(Date.now() + offsetMs);
    control.setClockOffset(0);
  });
});

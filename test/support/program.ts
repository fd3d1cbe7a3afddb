import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { cleanEnvironment } from "./clean-environment.ts";

/** The built command line. The variable names another build of it, such as an installed package. */
export const PROGRAM =
  process.env["SKERRY_TEST_PROGRAM"] ?? join(import.meta.dirname, "../../dist/cmd/skerry/main.js");

export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A child process whose output is kept. */
export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly #stdout: Buffer[] = [];
  #stderr = "";

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on("data", (data: Buffer) => this.#stdout.push(data));
    child.stderr?.on("data", (data: Buffer) => {
      this.#stderr += data.toString();
    });
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode, signal) =>
        resolve({ exitCode, signal, stdout: Buffer.concat(this.#stdout), stderr: this.#stderr }),
      );
    });
  }

  get output(): string {
    return Buffer.concat(this.#stdout).toString() + this.#stderr;
  }

  /** Waits until the output has `text`. Rejects, with the output, when the process ends first or `timeoutMs` have gone. */
  async says(text: string | RegExp, timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    const found = () => (typeof text === "string" ? this.output.includes(text) : text.test(this.output));
    while (!found()) {
      const gone = this.child.exitCode !== null || this.child.signalCode !== null;
      if (gone || Date.now() > deadline) {
        throw new Error(`${gone ? "it ended" : "too late"} without saying ${text}:\n${this.output}`);
      }
      await new Promise((wake) => setTimeout(wake, 20));
    }
  }
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** The process is killed when it takes longer, in milliseconds. */
  readonly timeoutMs?: number;
}

const RUN_TIMEOUT_MS = 60_000;

/** Runs a program with the clean environment, to its end. Rejects when it cannot be started. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return startProgram(command, args, { timeoutMs: RUN_TIMEOUT_MS, ...options }).ended;
}

export function startProgram(command: string, args: readonly string[], options: RunOptions = {}): Running {
  return new Running(
    spawn(command, args, {
      env: cleanEnvironment(options.env),
      stdio: ["ignore", "pipe", "pipe"],
      killSignal: "SIGKILL",
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      ...(options.timeoutMs !== undefined && { timeout: options.timeoutMs }),
    }),
  );
}

/** `skerry` with these arguments, to its end. */
export function skerry(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return run(process.execPath, [PROGRAM, ...args], options);
}

export function startSkerryProgram(args: readonly string[], options: RunOptions = {}): Running {
  return startProgram(process.execPath, [PROGRAM, ...args], options);
}

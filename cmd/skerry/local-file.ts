/** Files of this machine that objects come from and go to. What is wrong with one is a CommandError with its path. */
import { randomBytes } from "node:crypto";
import { constants, rmSync } from "node:fs";
import { type FileHandle, lstat, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CommandError } from "./exit.ts";

const PIECE_BYTES = 1024 * 1024;
const PARTIAL_SUFFIX = ".skerry-partial";
/** Of the name of a partial file: nobody guesses it, and two downloads to one target have two. */
const PARTIAL_RANDOM_BYTES = 8;
/** The system's bound on a file's name; what a long target has more is left out of the name of its partial file. */
const MAX_NAME_BYTES = 255;
const PERMISSIONS = 0o777;
/** With the exit code of a shell for them: 128 and the number of the signal. */
const ENDING_SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface ByteSink {
  /** Resolves when more may come. */
  write(bytes: Uint8Array): Promise<void>;
}

/** A download in progress: one of `finish` and `abandon` ends it. */
export interface Target extends ByteSink {
  finish(): Promise<void>;
  /** Leaves what was there as it was, where it is a file. */
  abandon(): Promise<void>;
}

export interface SourceFile {
  readonly size: number;
  pieces(): AsyncIterable<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** What fails here is seen by the listener of the stream as well, which ends the command. */
export const standardOutput: ByteSink = {
  write: (bytes) =>
    new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
    }),
};

/** A regular file: the size of an object is said before its bytes. */
export async function fileToRead(path: string): Promise<SourceFile> {
  const found = await reading(path, () => stat(path));
  if (!found.isFile())
    throw new CommandError(
      `${path} is not a regular file, and the size of an object has to be known before it is sent: write it to a file first`,
      2,
    );
  const file = await reading(path, () => open(path, "r"));
  return {
    size: found.size,
    pieces: () => piecesOf(file, path),
    close: () => file.close(),
  };
}

async function* piecesOf(file: FileHandle, path: string): AsyncIterable<Uint8Array<ArrayBuffer>> {
  for (;;) {
    const piece = new Uint8Array(PIECE_BYTES);
    const { bytesRead } = await reading(path, () => file.read(piece, 0, PIECE_BYTES));
    if (bytesRead === 0) return;
    yield piece.subarray(0, bytesRead);
  }
}

/**
 * Where a download goes. In a directory it is the file `name`. A file is replaced when all of it is there, also behind symbolic links, and keeps its
 * permissions; into anything else (a pipe, a device) the bytes are written as they come.
 */
export async function openTarget(target: string, name: string): Promise<Target> {
  const isDirectory = (await statIfThere(target))?.isDirectory() === true;
  const path = isDirectory ? `${target.replace(/\/$/, "")}/${name}` : target;
  const found = await statIfThere(path);
  if (found?.isDirectory() === true) throw new CommandError(`${path} is a directory`, 2);
  if (found !== undefined && !found.isFile()) return openPlain(path);
  if (found === undefined && (await isDanglingLink(path)))
    throw new CommandError(`${path} is a symbolic link to a file that is not there`);
  const real = found === undefined ? path : await saying(cannotWrite(path), () => realpath(path));
  return openReplacing(real, found && found.mode & PERMISSIONS);
}

/** Neither made nor cut: it is there, and no file. */
async function openPlain(path: string): Promise<Target> {
  const file = await saying(cannotWrite(path), () => open(path, constants.O_WRONLY));
  return {
    write: (bytes) => saying(cannotWrite(path), () => file.writeFile(bytes)),
    finish: () => saying(cannotWrite(path), () => file.close()),
    abandon: () => file.close(),
  };
}

async function openReplacing(path: string, permissions: number | undefined): Promise<Target> {
  const partial = partialOf(path);
  // "x": neither a file nor a symbolic link of somebody else is written to.
  const file = await saying(cannotWrite(path), () => open(partial, "wx"));
  const forget = removingOnSignals(partial);
  const abandon = async () => {
    await file.close();
    await rm(partial, { force: true });
    forget();
  };
  try {
    if (permissions !== undefined) await saying(cannotWrite(path), () => file.chmod(permissions));
  } catch (error) {
    await abandon();
    throw error;
  }
  return {
    write: (bytes) => saying(cannotWrite(path), () => file.writeFile(bytes)),
    finish: () =>
      saying(cannotWrite(path), async () => {
        await file.close();
        await rename(partial, path);
        forget();
      }),
    abandon,
  };
}

/** A new name beside `path`, so that a rename does it. */
function partialOf(path: string): string {
  const ending = `.${randomBytes(PARTIAL_RANDOM_BYTES).toString("hex")}${PARTIAL_SUFFIX}`;
  const name = Buffer.from(basename(path)).subarray(0, MAX_NAME_BYTES - ending.length);
  // A character that was cut through is left out.
  return join(dirname(path), `${new TextDecoder().decode(name, { stream: true })}${ending}`);
}

/** Whoever interrupts a download leaves no part of it behind. Returns what ends that. */
function removingOnSignals(partial: string): () => void {
  const end = (signal: NodeJS.Signals) => {
    rmSync(partial, { force: true });
    process.exit(ENDING_SIGNALS[signal as keyof typeof ENDING_SIGNALS]);
  };
  const signals = Object.keys(ENDING_SIGNALS) as (keyof typeof ENDING_SIGNALS)[];
  for (const signal of signals) process.on(signal, end);
  return () => {
    for (const signal of signals) process.off(signal, end);
  };
}

async function statIfThere(path: string) {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new CommandError(`${cannotWrite(path)}: ${error.message}`);
  });
}

function isDanglingLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}

function cannotWrite(path: string): string {
  return `${path} cannot be written`;
}

/** A file that cannot be read is one that should not have been named, as for every command. */
function reading<T>(path: string, run: () => Promise<T>): Promise<T> {
  return saying(`${path} cannot be read`, run, 2);
}

async function saying<T>(what: string, run: () => Promise<T>, exitCode = 1): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new CommandError(`${what}: ${(error as Error).message}`, exitCode);
  }
}

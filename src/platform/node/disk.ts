import * as fs from "node:fs";
import { compareKeys } from "../../base/index.ts";
import { DiskError } from "../errors.ts";
import type { DirectoryEntry, Disk, DiskFile, DiskSpace, OpenMode } from "../ports.ts";
import { diskErrorOf } from "./disk-errors.ts";
import { NodeDiskFile } from "./disk-file.ts";

/** What Skerry stores is nobody else's business on the machine. */
const FILE_PERMISSIONS = 0o600;
const DIRECTORY_PERMISSIONS = 0o700;

const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  read: fs.constants.O_RDONLY,
  "read-write": fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
};

/** The machine's file systems. */
export class NodeDisk implements Disk {
  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const descriptor = await call<number>(path, (done) =>
      fs.open(path, OPEN_FLAGS[mode], FILE_PERMISSIONS, done),
    );
    return new NodeDiskFile(path, descriptor);
  }

  async list(path: string): Promise<readonly DirectoryEntry[]> {
    const entries = await call<fs.Dirent[]>(path, (done) => fs.readdir(path, { withFileTypes: true }, done));
    return entries
      .map((entry): DirectoryEntry => ({ name: entry.name, kind: kindOf(entry) }))
      .sort((a, b) => compareKeys(a.name, b.name));
  }

  async makeDirectory(path: string): Promise<void> {
    const options = { recursive: true, mode: DIRECTORY_PERMISSIONS } as const;
    await call<string | undefined>(path, (done) => fs.mkdir(path, options, done));
  }

  async remove(path: string): Promise<void> {
    await call<void>(path, (done) => fs.unlink(path, (error) => done(error)));
  }

  async removeTree(path: string): Promise<void> {
    await call<void>(path, (done) => fs.rm(path, { recursive: true, force: true }, (error) => done(error)));
  }

  async rename(from: string, to: string): Promise<void> {
    await call<void>(from, (done) => fs.rename(from, to, (error) => done(error)));
  }

  async syncDirectory(path: string): Promise<void> {
    const flags = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY;
    const descriptor = await call<number>(path, (done) => fs.open(path, flags, done));
    try {
      await call<void>(path, (done) => fs.fsync(descriptor, (error) => done(error)));
    } finally {
      await call<void>(path, (done) => fs.close(descriptor, (error) => done(error ?? null)));
    }
  }

  async exists(path: string): Promise<boolean> {
    try {
      await call<fs.Stats>(path, (done) => fs.stat(path, done));
      return true;
    } catch (error) {
      if (error instanceof DiskError && error.code === "not-found") return false;
      throw error;
    }
  }

  async space(path: string): Promise<DiskSpace> {
    const stats = await call<fs.StatsFs>(path, (done) => fs.statfs(path, done));
    // bavail, not bfree: what the file system keeps for the superuser is not for us.
    return { totalBytes: stats.blocks * stats.bsize, freeBytes: stats.bavail * stats.bsize };
  }
}

function kindOf(entry: fs.Dirent): DirectoryEntry["kind"] {
  if (entry.isFile()) return "file";
  return entry.isDirectory() ? "directory" : "other";
}

function call<T>(
  path: string,
  start: (done: (error: NodeJS.ErrnoException | null, result?: T) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    start((error, result) => {
      if (error === null) resolve(result as T);
      else reject(diskErrorOf(error, path));
    });
  });
}

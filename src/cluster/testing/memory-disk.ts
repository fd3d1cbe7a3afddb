/** For tests that wait for real cryptography, which virtual time cannot: files in a map, everything durable at once. */

import { DiskError } from "../../platform/index.ts";
import type { DirectoryEntry, Disk, DiskFile, DiskSpace, OpenMode } from "../../platform/ports.ts";

export class MemoryDisk implements Disk {
  readonly files = new Map<string, Uint8Array>();
  readonly #directories = new Set<string>(["/"]);

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const exists = this.files.has(path);
    if (mode === "create" && exists) throw new DiskError("exists", path, "the file exists");
    if (mode !== "create" && !exists) throw new DiskError("not-found", path, "there is no such file");
    if (mode === "create") this.files.set(path, new Uint8Array(0));
    return new MemoryFile(path, this.files);
  }

  async list(path: string): Promise<readonly DirectoryEntry[]> {
    if (!this.#directories.has(path)) throw new DiskError("not-found", path, "there is no such directory");
    const entries: DirectoryEntry[] = [];
    for (const name of this.files.keys()) {
      if (parentOf(name) === path) entries.push({ name: baseOf(name), kind: "file" });
    }
    for (const name of this.#directories) {
      if (name !== "/" && parentOf(name) === path) entries.push({ name: baseOf(name), kind: "directory" });
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async makeDirectory(path: string): Promise<void> {
    for (let current = path; current !== "/"; current = parentOf(current)) this.#directories.add(current);
  }

  async remove(path: string): Promise<void> {
    if (!this.files.delete(path)) throw new DiskError("not-found", path, "there is no such file");
  }

  async removeTree(path: string): Promise<void> {
    for (const name of [...this.files.keys()]) if (name.startsWith(`${path}/`)) this.files.delete(name);
    for (const name of [...this.#directories]) {
      if (name === path || name.startsWith(`${path}/`)) this.#directories.delete(name);
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const bytes = this.files.get(from);
    if (bytes === undefined) throw new DiskError("not-found", from, "there is no such file");
    this.files.delete(from);
    this.files.set(to, bytes);
  }

  async syncDirectory(): Promise<void> {}

  async exists(path: string): Promise<boolean> {
    return this.files.has(path) || this.#directories.has(path);
  }

  async space(): Promise<DiskSpace> {
    return { totalBytes: 2 ** 40, freeBytes: 2 ** 40 };
  }
}

class MemoryFile implements DiskFile {
  readonly path: string;
  readonly #files: Map<string, Uint8Array>;

  constructor(path: string, files: Map<string, Uint8Array>) {
    this.path = path;
    this.#files = files;
  }

  async read(position: number, into: Uint8Array): Promise<number> {
    const part = this.#bytes.subarray(position, position + into.length);
    into.set(part);
    return part.length;
  }

  async write(position: number, parts: readonly Uint8Array[]): Promise<void> {
    let at = position;
    for (const part of parts) {
      const present = this.#bytes;
      const next = new Uint8Array(Math.max(present.length, at + part.length));
      next.set(present);
      next.set(part, at);
      this.#files.set(this.path, next);
      at += part.length;
    }
  }

  async syncData(): Promise<void> {}

  async sizeBytes(): Promise<number> {
    return this.#bytes.length;
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#files.set(this.path, this.#bytes.slice(0, sizeBytes));
  }

  async close(): Promise<void> {}

  get #bytes(): Uint8Array {
    const bytes = this.#files.get(this.path);
    if (bytes === undefined) throw new DiskError("not-found", this.path, "there is no such file");
    return bytes;
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

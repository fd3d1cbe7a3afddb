import { assert, compareKeys } from "../../base/index.ts";
import { DiskError } from "../errors.ts";
import type { DirectoryEntry, Disk, DiskFile, DiskSpace, OpenMode } from "../ports.ts";
import { SimDiskFile } from "./disk-file.ts";
import type { SimProcess } from "./process.ts";
import { StoredDirectory, type StoredNode } from "./stored-directory.ts";
import { StoredFile } from "./stored-file.ts";
import type { SimVolume } from "./volume.ts";

/** A volume as one simulated process sees it. */
export class SimDisk implements Disk {
  readonly #volume: SimVolume;
  readonly #process: SimProcess;

  constructor(volume: SimVolume, process: SimProcess) {
    this.#volume = volume;
    this.#process = process;
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    return this.#call("open", path, () => {
      const isWritable = mode !== "read";
      if (isWritable && this.#volume.faults.isReadOnly)
        throw new DiskError("read-only", path, `read-only disk: ${path}`);
      const file = mode === "create" ? this.#create(path) : this.#volume.node(path);
      if (file === undefined) throw new DiskError("not-found", path, `no such file: ${path}`);
      if (file.kind !== "file") throw new DiskError("io", path, `not a file: ${path}`);
      return new SimDiskFile({ volume: this.#volume, process: this.#process, file, path, isWritable });
    });
  }

  list(path: string): Promise<readonly DirectoryEntry[]> {
    return this.#call("list", path, () => {
      const entries = [...this.#volume.directory(path).entries];
      return entries
        .map(([name, node]): DirectoryEntry => ({ name, kind: node.kind }))
        .sort((a, b) => compareKeys(a.name, b.name));
    });
  }

  makeDirectory(path: string): Promise<void> {
    return this.#call("make-directory", path, () => {
      const names = path.split("/").filter((name) => name !== "");
      for (let depth = 1; depth <= names.length; depth++) {
        const ancestor = `/${names.slice(0, depth).join("/")}`;
        const node = this.#volume.node(ancestor);
        if (node?.kind === "file")
          throw new DiskError("exists", ancestor, `a file is in the way: ${ancestor}`);
        const { directory, name } = this.#volume.parent(ancestor);
        if (node === undefined) directory.set(name, new StoredDirectory());
      }
    });
  }

  remove(path: string): Promise<void> {
    return this.#call("remove", path, () => {
      const node = this.#volume.node(path);
      if (node === undefined) throw new DiskError("not-found", path, `no such file: ${path}`);
      if (node.kind !== "file") throw new DiskError("io", path, `not a file: ${path}`);
      const { directory, name } = this.#volume.parent(path);
      directory.remove(name);
    });
  }

  removeTree(path: string): Promise<void> {
    return this.#call("remove", path, () => {
      const node = this.#volume.node(path);
      if (node === undefined) return;
      if (node.kind === "directory") removeEntries(node);
      const { directory, name } = this.#volume.parent(path);
      directory.remove(name);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call("rename", from, () => {
      const node = this.#volume.node(from);
      if (node === undefined) throw new DiskError("not-found", from, `no such file: ${from}`);
      const source = this.#volume.parent(from);
      const target = this.#volume.parent(to);
      refuseReplacing(this.#volume.node(to), node, to);
      if (source.directory === target.directory) source.directory.rename(source.name, target.name, node);
      else {
        target.directory.set(target.name, node);
        source.directory.remove(source.name);
      }
    });
  }

  async syncDirectory(path: string): Promise<void> {
    const node = this.#volume.node(path);
    const sequence = node?.kind === "directory" ? node.sequence : 0;
    await this.#call("sync-directory", path, () => {
      const directory = this.#volume.directory(path);
      if (directory === node && !this.#volume.faults.isLying) directory.sync(sequence);
    });
  }

  exists(path: string): Promise<boolean> {
    return this.#call("list", path, () => this.#volume.node(path) !== undefined);
  }

  space(path: string): Promise<DiskSpace> {
    return this.#call("space", path, () => {
      if (this.#volume.node(path) === undefined)
        throw new DiskError("not-found", path, `no such file: ${path}`);
      const totalBytes = this.#volume.faults.capacityBytes;
      return { totalBytes, freeBytes: Math.max(0, totalBytes - this.#volume.usedBytes()) };
    });
  }

  #create(path: string): StoredFile {
    const { directory, name } = this.#volume.parent(path);
    if (directory.entries.has(name)) throw new DiskError("exists", path, `it exists: ${path}`);
    const file = new StoredFile();
    directory.set(name, file);
    return file;
  }

  #call<T>(operation: Parameters<SimVolume["call"]>[1], path: string, action: () => T): Promise<T> {
    assert(path.startsWith("/"), "a path is absolute");
    return this.#volume.call(this.#process, operation, path, { action });
  }
}

/** Entry by entry, so that a crash may leave a part of the tree behind. */
function removeEntries(directory: StoredDirectory): void {
  for (const [name, node] of [...directory.entries]) {
    if (node.kind === "directory") removeEntries(node);
    directory.remove(name);
  }
  directory.rows = undefined;
}

function refuseReplacing(existing: StoredNode | undefined, moved: StoredNode, path: string): void {
  if (existing === undefined || existing === moved) return;
  if (existing.kind === "file" && moved.kind === "file") return;
  if (existing.kind === "directory" && moved.kind === "directory") {
    if (existing.entries.size === 0) return;
    throw new DiskError("exists", path, `the directory is not empty: ${path}`);
  }
  throw new DiskError(
    existing.kind === "file" ? "not-found" : "io",
    path,
    `something else is in the way: ${path}`,
  );
}

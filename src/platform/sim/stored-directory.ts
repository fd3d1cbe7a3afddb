import type { Prng } from "../../base/index.ts";
import type { CrashPolicy } from "./crash-policy.ts";
import type { StoredFile } from "./stored-file.ts";
import type { StoredRows } from "./stored-rows.ts";

export type StoredNode = StoredFile | StoredDirectory;

type EntryChange =
  | { readonly kind: "set"; readonly name: string; readonly node: StoredNode }
  | { readonly kind: "remove"; readonly name: string }
  /** Within one directory a rename is seen whole or not at all. */
  | { readonly kind: "rename"; readonly from: string; readonly to: string; readonly node: StoredNode };

/**
 * A simulated directory. Like the bytes of a file, its entries are durable only once the directory itself has been synced; until then a crash keeps or
 * drops each creation, removal and rename by itself. An entry that is dropped takes everything below it along.
 */
export class StoredDirectory {
  readonly kind = "directory";
  /** When an ordered store lives here. */
  rows: StoredRows | undefined;
  #current = new Map<string, StoredNode>();
  readonly #durable = new Map<string, StoredNode>();
  #changes: (EntryChange & { readonly sequence: number })[] = [];
  #sequence = 0;

  get entries(): ReadonlyMap<string, StoredNode> {
    return this.#current;
  }

  set(name: string, node: StoredNode): void {
    this.#change({ kind: "set", name, node });
  }

  remove(name: string): void {
    this.#change({ kind: "remove", name });
  }

  rename(from: string, to: string, node: StoredNode): void {
    this.#change({ kind: "rename", from, to, node });
  }

  /** Of the latest change; changes up to it are what a sync that begins now makes durable. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Makes the changes up to `sequence` durable. */
  sync(sequence: number): void {
    for (const change of this.#changes) if (change.sequence <= sequence) applyTo(this.#durable, change);
    this.#changes = this.#changes.filter((change) => change.sequence > sequence);
  }

  crash(prng: Prng, policy: CrashPolicy): void {
    for (const change of this.#changes) if (policy.fateOf(prng) !== "drop") applyTo(this.#durable, change);
    this.#changes = [];
    this.#current = new Map(this.#durable);
    this.rows?.crash(prng, policy);
    for (const node of this.#current.values()) node.crash(prng, policy);
  }

  /** A tree of its own. `copies`: files and directories that are reached by several names stay one. */
  clone(copies: Map<StoredNode, StoredNode> = new Map()): StoredDirectory {
    const copy = new StoredDirectory();
    copies.set(this, copy);
    const copyOf = (node: StoredNode): StoredNode => {
      const known = copies.get(node) ?? (node.kind === "file" ? node.clone() : node.clone(copies));
      copies.set(node, known);
      return known;
    };
    for (const [name, node] of this.#current) copy.#current.set(name, copyOf(node));
    for (const [name, node] of this.#durable) copy.#durable.set(name, copyOf(node));
    copy.#changes = this.#changes.map((change) =>
      change.kind === "remove" ? change : { ...change, node: copyOf(change.node) },
    );
    copy.#sequence = this.#sequence;
    copy.rows = this.rows?.clone();
    return copy;
  }

  #change(change: EntryChange): void {
    applyTo(this.#current, change);
    this.#changes.push({ ...change, sequence: ++this.#sequence });
  }
}

function applyTo(entries: Map<string, StoredNode>, change: EntryChange): void {
  if (change.kind === "set") entries.set(change.name, change.node);
  else if (change.kind === "remove") entries.delete(change.name);
  else {
    entries.delete(change.from);
    entries.set(change.to, change.node);
  }
}

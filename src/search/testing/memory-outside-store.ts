import { type OutsideStore, STORE_NAME, type StorePage } from "../drivers/outside-store.ts";
import type { ByteRange } from "../ports.ts";

/** A store outside the cluster that forgets everything with the process. */
export class MemoryOutsideStore implements OutsideStore {
  readonly objects = new Map<string, Uint8Array>();

  async prepare(): Promise<void> {}

  async putIfAbsent(name: string, bytes: Uint8Array): Promise<"written" | "exists"> {
    if (this.objects.has(name)) return "exists";
    this.objects.set(name, bytes.slice());
    return "written";
  }

  async read(name: string, { offset, length }: ByteRange): Promise<Uint8Array | undefined> {
    return this.objects.get(name)?.slice(offset, offset + length);
  }

  async delete(name: string): Promise<void> {
    this.objects.delete(name);
  }

  async list({ after, limit }: { readonly after: string; readonly limit: number }): Promise<StorePage> {
    const behind = [...this.objects.keys()].filter((name) => STORE_NAME.test(name) && name > after).sort();
    const names = behind.slice(0, limit);
    return { names, next: behind.length > limit ? names.at(-1) : undefined };
  }
}

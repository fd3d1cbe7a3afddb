/** The key ring of the model: the versions of its one key. */

import type { ModelWrap } from "./rows.ts";

export class ModelRing {
  /** The oldest first; those that were removed are not here. */
  readonly versions: number[] = [];
  #last = 0;

  get newest(): number | undefined {
    return this.versions.at(-1);
  }

  /** The first version, or one more. */
  rotate(expected: number): string {
    if (this.#last !== expected)
      return this.#last === 0 ? "ENCRYPTION_KEY_UNKNOWN" : "ENCRYPTION_KEY_CHANGED";
    this.versions.push(++this.#last);
    return "done";
  }

  remove(version: number, uses: number): string {
    if (!this.versions.includes(version)) return "ENCRYPTION_KEY_UNKNOWN";
    if (this.newest === version || uses > 0) return "ENCRYPTION_KEY_IN_USE";
    this.versions.splice(this.versions.indexOf(version), 1);
    return "done";
  }

  /** Of something new that is wrapped so. */
  refusalOf(wrap: ModelWrap | undefined): string | undefined {
    if (wrap === undefined) return undefined;
    if (wrap.version > this.#last) return "ENCRYPTION_KEY_UNKNOWN";
    return wrap.version < this.#last ? "ENCRYPTION_KEY_RETIRED" : undefined;
  }
}

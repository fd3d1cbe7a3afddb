import { assert, Deferred } from "../../base/index.ts";

export interface OutboxOptions<Item> {
  /** Items that wait, or that the other side has not taken yet; further ones are lost, which is counted. */
  readonly maxItems: number;
  /** So many are one message at once; fewer wait for `gather`. */
  readonly maxGathered: number;
  /** Calls `flush` a little later. */
  readonly gather: (flush: () => void) => void;
  /** `lost`: since the last message. */
  readonly post: (items: readonly Item[], lost: number) => void;
}

/** What one thread tells another, many things in a message. It stays bounded when the other side does not listen. */
export class Outbox<Item> {
  readonly #options: OutboxOptions<Item>;
  #items: Item[] = [];
  #lost = 0;
  /** Posted, and not taken yet. */
  #underWay = 0;
  #isGathering = false;
  #allTaken: Deferred<void> | undefined;

  constructor(options: OutboxOptions<Item>) {
    this.#options = options;
  }

  add(item: Item): void {
    const { maxItems, maxGathered } = this.#options;
    if (this.#items.length + this.#underWay >= maxItems) {
      this.#lost++;
      return;
    }
    this.#items.push(item);
    if (this.#items.length >= maxGathered) this.flush();
    else this.#gather();
  }

  /** Posts what has gathered. What was lost alone waits until the other side listens again. */
  flush(): void {
    if (this.#items.length === 0 && (this.#lost === 0 || this.#underWay > 0)) return;
    const [items, lost] = [this.#items, this.#lost];
    this.#items = [];
    this.#lost = 0;
    this.#underWay += items.length;
    this.#options.post(items, lost);
  }

  /** The other side has taken so many. */
  taken(count: number): void {
    this.#underWay -= count;
    assert(this.#underWay >= 0, "no more is taken than was posted");
    if (this.#underWay === 0 && this.#lost > 0) this.flush();
    if (this.#underWay > 0) return;
    this.#allTaken?.resolve();
    this.#allTaken = undefined;
  }

  /** Posts everything; resolves when all of it has been taken. */
  async settle(): Promise<void> {
    this.flush();
    if (this.#underWay === 0) return;
    this.#allTaken ??= new Deferred();
    await this.#allTaken.promise;
  }

  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#options.gather(() => {
      this.#isGathering = false;
      this.flush();
    });
  }
}

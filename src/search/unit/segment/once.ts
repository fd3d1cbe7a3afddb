/** What is read at its first use and kept. A failed reading is forgotten, so that the next use tries again. */
export class Once {
  readonly #values = new Map<string, Promise<unknown>>();

  /** `read` of the same key gives the same type. */
  get<T>(key: string, read: () => Promise<T>): Promise<T> {
    const known = this.#values.get(key);
    if (known !== undefined) return known as Promise<T>;
    const reading = read();
    this.#values.set(key, reading);
    reading.catch(() => this.#values.delete(key));
    return reading;
  }
}

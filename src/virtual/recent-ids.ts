/** The latest ids of a kind, up to a number; grows with what is in it, where a cache would take its room at once. */
export class RecentIds {
  readonly #most: number;
  /** Oldest first. */
  readonly #ids = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  add(id: string): void {
    this.#ids.delete(id);
    this.#ids.add(id);
    if (this.#ids.size <= this.#most) return;
    const [oldest] = this.#ids;
    if (oldest !== undefined) this.#ids.delete(oldest);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }
}

/** The latest ids of a kind, up to a number; grows with what is in it, where a cache would take its room at once. */
export class RecentIds<Id = string> {
  readonly #most: number;
  /** Oldest first. */
  readonly #ids = new Set<Id>();

  constructor(most: number) {
    this.#most = most;
  }

  add(id: Id): void {
    this.#ids.delete(id);
    this.#ids.add(id);
    if (this.#ids.size <= this.#most) return;
    const [oldest] = this.#ids;
    if (oldest !== undefined) this.#ids.delete(oldest);
  }

  has(id: Id): boolean {
    return this.#ids.has(id);
  }
}

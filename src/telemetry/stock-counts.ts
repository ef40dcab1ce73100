/** How often clients found what was kept ready, since start. */
export class StockCounts {
  hits = 0;
  misses = 0;
  /** Pages given to those who asked for a new blank one. */
  pages = 0;

  /** A client came who could be served from stock; whether it was. */
  asked(found: boolean): void {
    if (found) this.hits++;
    else this.misses++;
  }
}

import type { TestCdpmux } from './cdpmux.js';

/** How many pages were kept ready and have been given to somebody. */
export async function pagesGiven({ mux }: TestCdpmux): Promise<number> {
  const { body } = await mux.metricsText();
  return Number(/^cdpmux_stock_pages_total (\d+)/m.exec(body)?.[1]);
}

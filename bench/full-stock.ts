import { until } from './until.js';

/** The longest that a stock may take to be full, ms. */
const DEADLINE = 60_000;

/** Waits until a cdpmux has made ready all that it wants to keep ready; `url` is its HTTP address. */
export async function fullStock(url: string): Promise<void> {
  await until('a full stock', DEADLINE, async () => {
    const { browsers } = (await (await fetch(`${url}/api/v1/browsers`)).json()) as {
      browsers: { stock: number; stockWanted: number }[];
    };
    const isFull = browsers.every(({ stock, stockWanted }) => stockWanted > 0 && stock >= stockWanted);
    return isFull ? true : undefined;
  });
}

import type { BrowserReport, VirtualBrowserReport } from '../../src/index.js';
import { until } from '../until.js';

/** How long anything may take, ms: five times what it takes on a busy machine. */
export const PATIENCE = 30_000;

/** The browsers of a running cdpmux, as its API tells of them. */
export async function browsersOf(url: string): Promise<BrowserReport[]> {
  return ((await (await fetch(`${url}/api/v1/browsers`)).json()) as { browsers: BrowserReport[] }).browsers;
}

/** The virtual browsers of one. */
export async function virtualsOf(url: string): Promise<VirtualBrowserReport[]> {
  const answer = await fetch(`${url}/api/v1/virtual-browsers`);
  return ((await answer.json()) as { virtualBrowsers: VirtualBrowserReport[] }).virtualBrowsers;
}

/** Asks until it is so; gives how long that took, ms. */
export async function waitFor(what: string, isSo: () => boolean | Promise<boolean>): Promise<number> {
  const began = performance.now();
  await until(what, PATIENCE, async () => ((await isSo()) ? true : undefined));
  return Math.round(performance.now() - began);
}

/** The value of a metric, the sum over its labels; 0 where there is none. */
export async function metricOf(url: string, name: string): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const lines = page.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

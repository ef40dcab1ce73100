import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { chart } from './charts.js';
import { projectRoot } from './paths.js';
import { markdown, type Report } from './report.js';

/** Where results are kept, one of each kind of Chrome: the history of them is in git. */
const RESULTS = join(projectRoot, 'bench/results');
const README = join(projectRoot, 'README.md');
const BEGIN = '<!-- benchmark: written by npm run bench -- --readme -->';
const END = '<!-- end of benchmark -->';
const NONE = 'No result has been saved yet: `npm run bench -- --save --readme` measures and writes one here.';

/** Reads a report; throws an Error that says which file is none. */
export async function readReport(path: string): Promise<Report> {
  const report = JSON.parse(await readFile(path, 'utf8')) as Partial<Report>;
  if (!Array.isArray(report.figures) || typeof report.machine !== 'object') {
    throw new Error(`${path} is not a result of this benchmark: it has no figures, or no machine.`);
  }
  return report as Report;
}

/** Writes JSON, Markdown and a chart for each suite to `bench/results/`, in place of what was there of this kind; gives the paths. */
export async function saveReport(report: Report & Record<string, unknown>): Promise<string[]> {
  await mkdir(RESULTS, { recursive: true });
  const written: string[] = [];
  const write = async (name: string, text: string): Promise<void> => {
    const path = join(RESULTS, name);
    await writeFile(path, text);
    written.push(path);
  };
  const charts: string[] = [];
  for (const suite of new Set(report.figures.map((one) => one.suite))) {
    const svg = await chart(report, suite);
    if (svg === undefined) continue;
    const name = `${report.kind}-${suite}.svg`;
    await write(name, `${svg}\n`);
    charts.push(`![${suite}](${name})`);
  }
  await write(`${report.kind}.json`, `${JSON.stringify(withoutSeries(report), undefined, 1)}\n`);
  await write(`${report.kind}.md`, `${[markdown(report), ...charts].join('\n\n')}\n`);
  return written;
}

/** What is kept is read by people and by `--compare`, which need medians and quartiles: all rounds would be ten times as much. */
function withoutSeries(report: Report): unknown {
  const figures = report.figures.map((figure) => ({ ...figure, series: undefined }));
  return JSON.parse(JSON.stringify({ ...report, figures }), (_key, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value,
  );
}

/** Writes what is kept into README's block: of each kind the figures that have something to reach, and a link to all. */
export async function writeReadme(): Promise<void> {
  const names = await readdir(RESULTS).catch((): string[] => []);
  const parts: string[] = [];
  for (const kind of ['shell', 'chrome'] as const) {
    if (!names.includes(`${kind}.json`)) continue;
    const report = await readReport(join(RESULTS, `${kind}.json`));
    parts.push(
      `${markdown(report, { onlyTargets: true })}\n\n[All figures of this run, with charts](bench/results/${kind}.md).`,
    );
  }
  const readme = await readFile(README, 'utf8');
  await writeFile(README, withBlock(readme, parts.length > 0 ? parts.join('\n\n') : NONE));
}

/** A page, README unless other markers are given, with another text between them; throws where it has none. */
export function withBlock(
  page: string,
  text: string,
  [from, to]: readonly [string, string] = [BEGIN, END],
): string {
  const [begin, end] = [page.indexOf(from), page.indexOf(to)];
  if (begin === -1 || end < begin) throw new Error(`the page has no block between ${from} and ${to}`);
  return `${page.slice(0, begin + from.length)}\n\n${text}\n\n${page.slice(end)}`;
}

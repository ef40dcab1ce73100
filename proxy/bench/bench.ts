import { startPlainChrome, type BrowserKind } from '../../src/index.js';
import { BenchClient } from './bench-client.js';
import { measures, quantile, type BenchSide, type Measure } from './measures.js';
import { startOwnCdpmux } from './own-cdpmux.js';

/** What `cdpmux bench` is asked for. */
export interface BenchRequest {
  /** As `--chrome`; searched where not given. */
  readonly chrome: string | undefined;
  readonly kind: BrowserKind;
  /** How long all of it measures, s. */
  readonly seconds: number;
}

/** Every thing is measured so often on each side, so that a busy moment meets both. */
const ROUNDS = 5;

/**
 * Measures a cdpmux of its own beside a Chrome without one, in turns, and tells it as a table. What it starts has ended when it resolves;
 * rejects with an error that says what could not be started.
 */
export async function bench(
  { chrome, kind, seconds }: BenchRequest,
  { env, out }: { readonly env: NodeJS.ProcessEnv; readonly out: (text: string) => void },
): Promise<void> {
  const plain = await startPlainChrome(env, { chrome, kind });
  try {
    const { executable } = plain;
    const path = executable.source === 'embedded' ? 'embedded' : executable.path;
    const cdpmux = await startOwnCdpmux(['--chrome', path], env);
    try {
      const { product } = await askVersion(plain.wsUrl);
      out(
        `A Chrome by itself and behind cdpmux, in turns: ${product}, ${executable.path}, Node ${process.versions.node}\n\n`,
      );
      const sides = [
        await openSide(plain.wsUrl),
        // without the first page, which a new connection to a Chrome does not get either
        await openSide(`${cdpmux.wsUrl}?initialPage=false`),
      ] as const;
      const slice = (seconds * 1_000) / (2 * measures.length * (ROUNDS + 1));
      out(line(['', 'direct', 'cdpmux', '', 'ratio', 'quartiles']));
      for (const measure of measures) out(line(await rowOf(measure, sides, slice)));
      for (const { client } of sides) client.close();
    } finally {
      await cdpmux.close();
    }
  } finally {
    await plain.close();
  }
}

async function openSide(url: string): Promise<BenchSide> {
  const client = await BenchClient.connect(url);
  await client.openPage();
  return { url, client };
}

async function askVersion(url: string): Promise<{ product: string }> {
  const client = await BenchClient.connect(url);
  try {
    return await client.request<{ product: string }>('Browser.getVersion');
  } finally {
    client.close();
  }
}

async function rowOf(
  measure: Measure,
  [direct, cdpmux]: readonly [BenchSide, BenchSide],
  ms: number,
): Promise<string[]> {
  const [before, after]: [number[], number[]] = [[], []];
  // the first of each is not counted
  for (let round = 0; round <= ROUNDS; round++) {
    const turns = [
      [direct, before],
      [cdpmux, after],
    ] as const;
    for (const [side, values] of round % 2 === 0 ? turns : turns.toReversed()) {
      const value = await measure.take(side, ms);
      if (round > 0) values.push(value);
    }
  }
  const ratios = after.map((value, round) => value / (before[round] ?? NaN));
  return [
    measure.name,
    digits(quantile(before, 0.5)),
    digits(quantile(after, 0.5)),
    measure.unit,
    quantile(ratios, 0.5).toFixed(2),
    `${quantile(ratios, 0.25).toFixed(2)} to ${quantile(ratios, 0.75).toFixed(2)}`,
  ];
}

function line([
  name = '',
  direct = '',
  cdpmux = '',
  unit = '',
  ratio = '',
  quartiles = '',
]: readonly string[]): string {
  const cells = [name.padEnd(34), direct.padStart(9), cdpmux.padStart(9), unit.padEnd(10), ratio.padStart(6)];
  return `${[...cells, quartiles].join('  ')}\n`;
}

function digits(value: number): string {
  return value >= 1_000 ? Math.round(value).toString() : Number(value.toPrecision(3)).toString();
}

import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

const snippetsDir = new URL('../dist/readme/', import.meta.url);
const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
/** The lines of shell blocks that ask a running cdpmux: what each asks for. */
const requests = [...readme.matchAll(/^curl (.*)$/gm)].map(([line, rest = '']) => ({
  line,
  method: /-X (\w+)/.exec(rest)?.[1] ?? 'GET',
  url: /http:\/\/[^' ]+/.exec(rest)?.[0] ?? '',
}));
const snippets = [...readme.matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code ?? '');

async function startAsReadmeSays(): Promise<ChildProcess> {
  const main = new URL('../dist/proxy/main.js', import.meta.url).pathname;
  const cdpmux = spawn(process.execPath, [main, 'serve'], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: cdpmux.stdout })) {
    if (line.includes('ws://127.0.0.1:9222/')) return cdpmux;
  }
  throw new Error('cdpmux did not start on its default port');
}

describe('the documents', () => {
  it('lead nowhere that is not there', async () => {
    const root = new URL('../', import.meta.url);
    const names = (await readdir(new URL('docs/', root))).map((name) => `docs/${name}`);
    const pages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...names];
    const texts = new Map<string, string>();
    for (const name of pages)
      texts.set(new URL(name, root).href, await readFile(new URL(name, root), 'utf8'));
    const slug = (heading: string): string =>
      heading
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replaceAll(' ', '-');
    const missing = [...texts].flatMap(([page, text]) =>
      [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].flatMap(([link, path, fragment]) => {
        const target = texts.get(path ? new URL(path, page).href : page);
        const headings = [...(target ?? '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => slug(heading));
        const isFile = target !== undefined || existsSync(new URL(path || page, page));
        const isThere = isFile && (fragment === undefined || headings.includes(fragment));
        return isThere ? [] : [`${page}: ${link}`];
      }),
    );
    expect(missing).toEqual([]);
  });
});

describe('README', () => {
  let cdpmux: ChildProcess | undefined;

  beforeAll(async () => {
    await mkdir(snippetsDir, { recursive: true });
    cdpmux = await startAsReadmeSays();
  }, 60_000);

  afterAll(async () => {
    // it may not have come to that, where something else listens on its port
    if (cdpmux) {
      const gone = once(cdpmux, 'exit');
      cdpmux.kill('SIGTERM');
      await gone;
    }
    await rm(snippetsDir, { recursive: true });
  }, 30_000);

  it('has a snippet for each of three clients, and one of a batch', () => {
    expect(snippets).toHaveLength(4);
  });

  it('has an example of each kind of request', () => {
    expect(new Set(requests.map(({ method }) => method))).toEqual(new Set(['GET', 'POST']));
  });

  it.each(requests)('"$line" is answered', async ({ method, url }) => {
    const done = new AbortController();
    const { ok } = await fetch(url, { method, signal: done.signal });
    done.abort();
    expect(ok).toBe(true);
  });

  it.each(
    snippets.map((code, index) => ({ index, code, prints: /console\.log\(.*\/\/ (.*)/.exec(code)?.[1] })),
  )(
    'snippet $index prints "$prints"',
    async ({ index, code, prints }) => {
      const file = new URL(`snippet-${index}.mjs`, snippetsDir);
      await writeFile(file, code);
      const child = spawn(process.execPath, [file.pathname], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [printed, [code_]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
      expect({ printed, code: code_ as unknown }).toEqual({ printed: `${prints}\n`, code: 0 });
    },
    60_000,
  );
});

import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LAUNCHER } from './launcher.js';

/** A program that launches a Chrome as its users do, and prints `pooled` for each page of that title. */
export interface LaunchProgram {
  readonly name: string;
  /** After `node`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** How often it prints it. */
  readonly pages: number;
}

const PAGE = 'data:text/html,<title>pooled</title>';

/** Those that other tests try, too. */
const scripts = {
  'puppeteer.launch': `import puppeteer from 'puppeteer-core';
    const browser = await puppeteer.launch({ executablePath: ${JSON.stringify(LAUNCHER)} });
    const page = await browser.newPage();
    await page.goto('${PAGE}');
    console.log(await page.title());
    await browser.close();`,
  'puppeteer.launch with a pipe': `import puppeteer from 'puppeteer-core';
    const browser = await puppeteer.launch({ executablePath: ${JSON.stringify(LAUNCHER)}, pipe: true });
    const page = await browser.newPage();
    await page.goto('${PAGE}');
    console.log(await page.title());
    await browser.close();`,
  'chromium.launch of Playwright': `import { chromium } from 'playwright-core';
    const browser = await chromium.launch({ executablePath: ${JSON.stringify(LAUNCHER)} });
    const page = await browser.newPage();
    await page.goto('${PAGE}');
    console.log(await page.title());
    await browser.close();`,
} as const;

const chromeLauncher = `import { launch } from 'chrome-launcher';
    import CDP from 'chrome-remote-interface';
    const chrome = await launch({ chromeFlags: ['--headless'], logLevel: 'silent' });
    const client = await CDP({ port: chrome.port });
    const { Page, Runtime } = client;
    await Page.enable();
    await Promise.all([Page.loadEventFired(), Page.navigate({ url: '${PAGE}' })]);
    console.log((await Runtime.evaluate({ expression: 'document.title' })).result.value);
    await client.close();
    chrome.kill();`;

const lighthouse = `import { createServer } from 'node:http';
  import { once } from 'node:events';
  import { launch } from 'chrome-launcher';
  import lighthouse from 'lighthouse';
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>pooled</title><h1>pooled</h1>'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const chrome = await launch({ chromeFlags: ['--headless'], logLevel: 'silent' });
  const result = await lighthouse('http://127.0.0.1:' + server.address().port + '/', {
    port: chrome.port, onlyCategories: ['seo'], logLevel: 'silent' });
  if (result.lhr.runtimeError) throw new Error(result.lhr.runtimeError.message);
  if (result.lhr.audits['document-title'].score === 1) console.log('pooled');
  chrome.kill();
  server.close();`;

const chromedriver = `import { spawn } from 'node:child_process';
  import { createInterface } from 'node:readline';
  const driver = spawn('chromedriver', ['--port=0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => driver.kill());
  const port = await new Promise((resolve) => createInterface(driver.stdout).on('line', (line) => {
    const [, port] = /successfully on port (\\d+)/.exec(line) ?? [];
    if (port) resolve(port);
  }));
  const ask = async (method, path, body) => {
    const answer = await fetch('http://127.0.0.1:' + port + path, { method, ...(body && { body: JSON.stringify(body) }) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(value.message);
    return value;
  };
  const options = { binary: ${JSON.stringify(LAUNCHER)}, args: ['--headless'] };
  const { sessionId } = await ask('POST', '/session', { capabilities: { alwaysMatch: { 'goog:chromeOptions': options } } });
  await ask('POST', '/session/' + sessionId + '/url', { url: '${PAGE}' });
  console.log(await ask('GET', '/session/' + sessionId + '/title'));
  await ask('DELETE', '/session/' + sessionId);
  process.exit();`;

const runnerConfig = `export default { workers: 3, fullyParallel: true, reporter: 'line', retries: 0, outputDir: process.env.RESULTS,
  use: { launchOptions: { executablePath: ${JSON.stringify(LAUNCHER)} } } };`;
const runnerSpec = `import { test, expect } from '@playwright/test';
  for (let index = 0; index < 6; index++) test('page ' + index, async ({ page }) => {
    await page.goto('${PAGE}');
    await expect(page).toHaveTitle('pooled');
    console.log(await page.title());
  });`;

/** Writes the programs into a new directory: all, or only those that no other test tries and that are quick. */
export async function writePrograms(
  directory: string,
  { long }: { readonly long: boolean },
): Promise<LaunchProgram[]> {
  await mkdir(directory);
  await symlink(join(process.cwd(), 'node_modules'), join(directory, 'node_modules'));
  const env = { CHROME_PATH: LAUNCHER };
  const all = Object.entries<string>({
    'chrome-launcher': chromeLauncher,
    ...(long && { ...scripts, 'chrome-launcher with Lighthouse': lighthouse, chromedriver }),
  });
  const programs: LaunchProgram[] = [];
  for (const [name, text] of all) {
    const file = join(directory, `${name.replace(/\W+/g, '-')}.mjs`);
    await writeFile(file, text);
    programs.push({ name, args: [file], env, pages: 1 });
  }
  await writeFile(join(directory, 'playwright.config.mjs'), runnerConfig);
  await writeFile(join(directory, 'pages.spec.mjs'), runnerSpec);
  const runner = join(directory, 'node_modules/@playwright/test/cli.js');
  programs.push({ name: "Playwright's test runner", args: [runner, 'test'], env, pages: 6 });
  return programs;
}

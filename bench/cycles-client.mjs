// The clients of a cycles run, in a process of their own so that their heap is not taken for cdpmux's.
//   node cycles-client.mjs <WebSocket URL> <page URL>, told over IPC how many cycles to do, how many at a time
import puppeteer from 'puppeteer-core';

const [wsUrl = '', pageUrl = ''] = process.argv.slice(2);

async function cycle() {
  const browser = await puppeteer.connect({ browserWSEndpoint: wsUrl, protocolTimeout: 20_000 });
  try {
    const page = await browser.newPage();
    await page.goto(pageUrl);
    const items = await page.evaluate('document.querySelectorAll("li").length');
    if (items !== 100) throw new Error(`the page has ${items} items`);
  } finally {
    await browser.disconnect();
  }
}

/** @param {{ cycles: number, parallel: number }} job */
async function run({ cycles, parallel }) {
  let left = cycles;
  /** @type {string[]} */
  const errors = [];
  const worker = async () => {
    while (left > 0) {
      left--;
      try {
        await cycle();
      } catch (error) {
        errors.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  process.send?.({ errors });
}

process.on('message', (job) => void run(/** @type {{ cycles: number, parallel: number }} */ (job)));
process.on('disconnect', () => process.exit());

// The example app: GET / opens a page in the browser beside it and answers with the page's title.
// Bare CDP, so that it needs nothing installed; an app of one's own would use Puppeteer or Playwright.
import { createServer } from 'node:http';

const { CDP_URL = 'ws://localhost:9222', PORT = '8080' } = process.env;
const PAGE = 'data:text/html,<script>document.title = `rendered by ${navigator.userAgent}`</script>';

/** Connects, which is a whole Chrome of one's own until the socket closes. */
async function connect() {
  const socket = new globalThis.WebSocket(CDP_URL);
  const pending = new Map();
  const waiting = new Map();
  let lastId = 0;
  socket.onmessage = ({ data }) => {
    const { id, method, result, error } = JSON.parse(data);
    if (id === undefined) return waiting.get(method)?.();
    const { resolve, reject } = pending.get(id);
    pending.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error.message));
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error(`no browser at ${CDP_URL}`));
    socket.onclose = ({ code, reason }) => {
      const lost = new Error(`browser lost: ${code} ${reason}`);
      reject(lost);
      for (const { reject: fail } of pending.values()) fail(lost);
    };
  });
  return {
    send: (method, params = {}, sessionId = undefined) =>
      new Promise((resolve, reject) => {
        pending.set(++lastId, { resolve, reject });
        socket.send(JSON.stringify({ id: lastId, method, params, sessionId }));
      }),
    event: (method) => new Promise((resolve) => waiting.set(method, resolve)),
    close: () => socket.close(),
  };
}

async function titleOf(url) {
  const browser = await connect();
  try {
    const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
    await browser.send('Page.enable', {}, sessionId);
    const loaded = browser.event('Page.loadEventFired');
    await browser.send('Page.navigate', { url }, sessionId);
    await loaded;
    const { result } = await browser.send('Runtime.evaluate', { expression: 'document.title' }, sessionId);
    return result.value;
  } finally {
    browser.close();
  }
}

const server = createServer((request, response) => {
  if (request.url === '/healthz') return response.end('ok\n');
  titleOf(PAGE).then(
    (title) => response.end(`${title}\n`),
    (error) => response.writeHead(502).end(`${error.message}\n`),
  );
});
server.listen(Number(PORT), () => console.log(`app listens on port ${server.address().port}`));
process.once('SIGTERM', () => server.close());

import type { Protocol } from 'devtools-protocol';
import type { Histogram } from 'hdr-histogram-js';

import { Connection } from '../src/chrome/connection.js';
import { WebSocketTransport } from '../src/chrome/websocket-transport.js';
import { VirtualHost } from '../src/virtual/virtual-host.js';
import { durations, record } from './figures.js';

const DEADLINE = 30_000;
const ROUNDS = 8;
const ROUNDS_BESIDE = 3;
const OTHERS = 10;

type Evaluate = Protocol.Runtime.EvaluateRequest;

/**
 * How long a new page takes beside so many connections of cdpmux's, each with the roots that hold every new target until
 * they have let it go: from the command to the first answer of the page. Meanwhile 10 other pages on the same connections
 * evaluate `besides`.
 */
export async function pageTimes(url: string, count: number, besides?: string): Promise<Histogram> {
  const times = durations();
  let isOver = false;
  const rounds = besides === undefined ? ROUNDS : ROUNDS_BESIDE;
  const connections = await Promise.all(
    Array.from({ length: count }, async () => {
      const transport = await WebSocketTransport.connect(url, DEADLINE);
      return new Connection(transport, { onRootEvent: () => undefined, onClose: () => undefined });
    }),
  );
  try {
    await Promise.all(connections.map((one) => VirtualHost.start(one, { isShell: true, exclusive: false })));
    const first = connections[0]!;
    const others = Array.from({ length: besides === undefined ? 0 : OTHERS }, async (_, nth) => {
      const connection = connections[nth % count]!;
      const page = await openPage(connection);
      while (!isOver)
        await connection.request('Runtime.evaluate', JSON.parse(besides ?? '') as Evaluate, page.sessionId);
      await connection.request('Target.closeTarget', { targetId: page.targetId }, '');
    });
    const { browserContextId } = await first.request('Target.createBrowserContext', undefined, '');
    for (let round = 0; round <= rounds; round++) {
      const start = performance.now();
      const { targetId, sessionId } = await openPage(first, browserContextId);
      await first.request('Runtime.evaluate', { expression: '1' }, sessionId);
      if (round > 0) record(times, performance.now() - start);
      await first.request('Target.closeTarget', { targetId }, '');
    }
    await first.request('Target.disposeBrowserContext', { browserContextId }, '');
    isOver = true;
    await Promise.all(others);
  } finally {
    for (const one of connections) one.close();
  }
  return times;
}

async function openPage(
  connection: Connection,
  browserContextId?: string,
): Promise<{ targetId: string; sessionId: string }> {
  const where = { url: 'about:blank', ...(browserContextId !== undefined && { browserContextId }) };
  const { targetId } = await connection.request('Target.createTarget', where, '');
  const { sessionId } = await connection.request('Target.attachToTarget', { targetId, flatten: true }, '');
  return { targetId, sessionId };
}

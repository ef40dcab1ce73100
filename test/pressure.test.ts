import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { eventually } from './support/eventually.js';
import { startStrangers, type Strangers } from './support/strangers.js';

const tenants = ['neighbour', 'caster', 'pinger', 'flooder'];

const MiB = 1024 * 1024;
const CAP = 8 * MiB;

let cdpmux: Strangers;
beforeAll(async () => void (cdpmux = await startStrangers(tenants, { 'limits.clientBuffer': CAP })), 60_000);
afterAll(() => cdpmux.close());

/** Memory that this process holds for buffers, which is where what waits for a client is. */
const buffers = (): number => process.memoryUsage().external;

/** Evaluates in a page, and gives how many answers were right. */
async function work(client: CdpClient, sessionId: string, isOver: () => boolean): Promise<number> {
  let right = 0;
  for (let i = 0; !isOver(); i++) {
    const { result } = await client.send<{ result: { value: number } }>(
      'Runtime.evaluate',
      { expression: `${i} * 7` },
      sessionId,
    );
    if (result.value !== i * 7) throw new Error(`${i} * 7 is ${result.value}`);
    right++;
  }
  return right;
}

/** A page that draws something new in each frame, watched by a screencast whose frames are acknowledged elsewhere. */
const moving = `data:text/html,<canvas width=1200 height=900></canvas><script>
  const pen = document.querySelector('canvas').getContext('2d');
  const draw = () => {
    const image = pen.createImageData(1200, 900);
    const noise = new Uint32Array(image.data.buffer);
    for (let i = 0, x = performance.now() * 1000 | 1; i < noise.length; i++) noise[i] = (x = x * 48271 % 0x7fffffff) | 0xff000000;
    pen.putImageData(image, 0, 0);
    requestAnimationFrame(draw);
  };
  draw();
</script>`;

describe('a client that does not read', () => {
  it('is closed with 1013 at its cap while it casts eight pages, and its neighbour goes on', async () => {
    const neighbour = await CdpClient.connect(cdpmux.urlOf('neighbour'));
    const { sessionId } = await neighbour.newPage();
    const caster = await CdpClient.connect(cdpmux.urlOf('caster'));
    const { clients } = cdpmux.mux.stats();
    const casts: string[] = [];
    for (let page = 0; page < 8; page++) casts.push((await caster.newPage(moving)).sessionId);
    for (const cast of casts) {
      await caster.send('Page.enable', {}, cast);
      await caster.send('Page.startScreencast', { format: 'png', everyNthFrame: 1 }, cast);
    }
    await caster.waitFor(({ method }) => method === 'Page.screencastFrame', 'a frame of a screencast');
    let isOver = false;
    const working = work(neighbour, sessionId, () => isOver);
    const before = buffers();
    let most = 0;
    // it goes on asking, and never reads an answer: frames are sent only while they are acknowledged
    caster.socket.pause();
    let id = 10_000;
    let frame = 0;
    await eventually(
      () => {
        frame++;
        for (const cast of casts) {
          const params = { sessionId: frame };
          caster.raw(
            JSON.stringify({ id: id++, method: 'Page.screencastFrameAck', params, sessionId: cast }),
          );
          const shot = {
            id: id++,
            method: 'Page.captureScreenshot',
            params: { format: 'png' },
            sessionId: cast,
          };
          if (frame % 50 === 1) caster.raw(JSON.stringify(shot));
        }
        most = Math.max(most, buffers() - before);
        return cdpmux.mux.stats().clients === clients - 1;
      },
      { within: 60_000, what: 'the end of the client that does not read' },
    );
    isOver = true;
    expect(await working).toBeGreaterThan(0);
    // what is written to a socket beyond what the system takes: the cap, a message over it, and what was being read
    expect(most).toBeLessThan(3 * CAP + 32 * MiB);
    caster.socket.resume();
    // what it had not read when it was dropped includes the close that says so
    expect([1006, 1013]).toContain((await caster.closed).code);
    await neighbour.close();
  }, 120_000);

  it('is closed with 1013 for pings as for messages', async () => {
    const small = await startStrangers(tenants, {
      'limits.clientBuffer': MiB,
      'limits.commandsPerSecond': 0,
    });
    try {
      const pinger = await CdpClient.connect(small.urlOf('pinger'));
      await pinger.send('Browser.getVersion');
      const { socket } = pinger;
      socket.pause();
      const payload = 'p'.repeat(125);
      const before = buffers();
      let most = 0;
      await eventually(
        () => {
          // what it has sent and cdpmux has not read yet is its own affair
          if (socket.bufferedAmount < MiB) for (let i = 0; i < 5_000; i++) socket.ping(payload);
          most = Math.max(most, buffers() - before);
          return small.mux.stats().clients === 0;
        },
        { within: 60_000, what: 'the end of the client that pings' },
      );
      expect(most).toBeLessThan(32 * MiB);
      socket.resume();
      expect([1006, 1013]).toContain((await pinger.closed).code);
    } finally {
      await small.close();
    }
  }, 120_000);
});

describe('a client that floods', () => {
  it('loses nothing and keeps its order at its rate, and its neighbour goes on meanwhile', async () => {
    const flooder = await CdpClient.connect(cdpmux.urlOf('flooder'));
    const page = await flooder.newPage();
    const neighbour = await CdpClient.connect(cdpmux.urlOf('neighbour'));
    const { sessionId } = await neighbour.newPage();
    const count = 3_000;
    for (let id = 1; id <= count; id++) {
      const params = { expression: String(id) };
      const command = { id: 10_000 + id, method: 'Runtime.evaluate', params, sessionId: page.sessionId };
      flooder.raw(JSON.stringify(command));
    }
    const isLast = ({ id }: { id?: number }): boolean => id === 10_000 + count;
    let isOver = false;
    const working = work(neighbour, sessionId, () => isOver);
    await flooder.until(() => isLast(flooder.received.at(-1) ?? {}), 'all answers');
    isOver = true;
    expect(await working).toBeGreaterThan(0);
    const order = flooder.received.flatMap(({ id = 0 }) => (id > 10_000 ? id : []));
    expect(order).toEqual(Array.from({ length: count }, (_none, index) => 10_001 + index));
    await Promise.all([flooder.close(), neighbour.close()]);
  }, 60_000);
});

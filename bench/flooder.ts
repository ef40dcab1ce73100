// A client that floods, in a process of its own, told over IPC when to start and when to stop.
//   node flooder.js <WebSocket URL> <depth> <expression>
import { RawClient } from './raw-client.js';

const [url = '', depth = '64', expression = '1'] = process.argv.slice(2);
const client = await RawClient.connect(url);
const { targetId } = await client.request<{ targetId: string }>('Target.createTarget', {
  url: 'about:blank',
});
const { sessionId } = await client.request<{ sessionId: string }>('Target.attachToTarget', {
  targetId,
  flatten: true,
});
const params = JSON.stringify({ expression, returnByValue: true });
let state: 'idle' | 'flooding' = 'idle';
let answered = 0;
let startedAt = 0;

function send(): void {
  client.send('Runtime.evaluate', params, sessionId, onReply);
}

function onReply(): void {
  answered++;
  if (state === 'flooding') send();
}

process.on('message', (order) => {
  if (order === 'start') {
    state = 'flooding';
    answered = 0;
    startedAt = performance.now();
    for (let i = 0; i < Number(depth); i++) send();
    process.send?.({ started: true });
  } else {
    state = 'idle';
    process.send?.({ perSecond: (answered / (performance.now() - startedAt)) * 1000 });
  }
});
process.once('disconnect', () => process.exit());
process.send?.({ ready: true });

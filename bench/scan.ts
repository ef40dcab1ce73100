// Cost of reading one frame: node dist/bench/scan.js after `node scripts/build-if-stale.mjs bench`
import { CommandScanner } from '../src/cdp/command-scanner.js';
import { MessageScanner } from '../src/cdp/message-scanner.js';
import { normalise } from '../src/cdp/normalise.js';

const session = '"sessionId":"0123456789ABCDEF0123456789ABCDEF"';
const large = 1_000_000;
const script = 'function f(a){return a.b+"x";}\n'.repeat(large / 32);

const commands: Record<string, string> = {
  'command, 100 bytes': `{"id":123,"method":"Runtime.evaluate","params":{"expression":"1"},${session}}`,
  'callFunctionOn, 500 bytes': `{"id":123,"method":"Runtime.callFunctionOn","params":${JSON.stringify({
    functionDeclaration: '(element, ...args) => element.click(...args)\n//# sourceURL=pptr:internal',
    executionContextId: 3,
    arguments: [
      { objectId: '-1234567890.1.12' },
      { value: { x: 1.5, y: 2, name: 'button', list: [1, 2, 3, null] } },
    ],
    awaitPromise: true,
    returnByValue: true,
    userGesture: true,
    serializationOptions: { serialization: 'deep', maxDepth: 2 },
  })},${session}}`,
  'base64, 1 MB': `{"id":1,"method":"Fetch.fulfillRequest","params":{"body":"${'QUJD'.repeat(large / 4)}"},${session}}`,
  'script, 1 MB': `{"id":1,"method":"Runtime.evaluate","params":{"expression":${JSON.stringify(script)}},${session}}`,
  'non-ASCII, 1 MB': `{"id":1,"method":"Runtime.evaluate","params":{"expression":"${'плюс é '.repeat(large / 12)}"},${session}}`,
  'numbers, 1 MB': `{"id":1,"method":"Runtime.evaluate","params":{"a":[${'1234.5,'.repeat(large / 7)}1]},${session}}`,
};
const messages: Record<string, string> = {
  'reply, 120 bytes': `{"id":1000000000,"result":{"result":{"type":"number","value":1,"description":"1"}},${session}}`,
  'event, 1 MB': `{"method":"Network.dataReceived","params":{"data":"${'QUJD'.repeat(large / 4)}"},${session}}`,
};

function measure(name: string, text: string, read: (frame: Buffer) => boolean): void {
  const frame = Buffer.from(text);
  if (!read(frame)) throw new Error(`${name} was not taken`);
  const turns = Math.max(20, Math.ceil(50_000_000 / (frame.length + 100)));
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint();
    for (let turn = 0; turn < turns; turn++) read(frame);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / turns);
  }
  const speed = (frame.length / best) * 1000;
  console.log(
    `${name.padEnd(38)} ${String(frame.length).padStart(8)} B ${(best / 1000).toFixed(2).padStart(9)} us ${speed.toFixed(0).padStart(9)} MB/s`,
  );
}

const commandScanner = new CommandScanner();
const messageScanner = new MessageScanner();
for (const [name, text] of Object.entries(commands))
  measure(name, text, (frame) => commandScanner.scan(frame));
for (const [name, text] of Object.entries(messages))
  measure(name, text, (frame) => messageScanner.scan(frame));
for (const [name, text] of Object.entries(commands)) {
  measure(`JSON.parse: ${name}`, text, (frame) => JSON.parse(frame.toString()) !== undefined);
}
for (const [name, text] of Object.entries(commands)) {
  measure(`normalise: ${name}`, text, (frame) => 'frame' in normalise(frame));
}

import type { Attack } from './arena.js';
import { copy, SECRET } from './living.js';
import { openPage } from './page.js';

/** A page that, given the protocol by `exposeDevToolsProtocol`, asks for everybody's targets. */
const askFromPage = `new Promise((done) => {
  if (!window.cdp) { done('no protocol'); return; }
  cdp.onmessage = (text) => done(text);
  cdp.send('{"id":1,"method":"Target.getTargets"}');
})`;

/** Ways around the rules: other people's sessions, messages in messages, the protocol given to a page. */
export const escape: readonly Attack[] = [
  {
    name: 'speaks in the victim’s sessions by their ids',
    attempt: async ({ attacker, house }) => {
      const leaks: string[] = [];
      const sessions = house.ids.filter(({ kind }) => kind === 'session');
      const methods = [
        'Runtime.evaluate',
        'Page.close',
        'Target.getTargets',
        'Browser.close',
        'Target.detachFromTarget',
      ];
      let tries = 0;
      for (const wire of new Set(attacker.spots.map((spot) => spot.wire))) {
        for (const { real, of } of sessions) {
          for (const method of methods) {
            tries++;
            const reply = await wire.ask(
              method,
              { expression: `document.title='stolen'` },
              String(real),
              3_000,
            );
            if (reply?.error?.code !== -32001)
              leaks.push(`${method} in the session on ${of}: ${JSON.stringify(reply)}`);
          }
        }
      }
      return { tries, leaks };
    },
  },
  {
    name: 'attaches to its own targets without flatten and sends messages inside messages',
    attempt: async ({ attacker, house }) => {
      const leaks: string[] = [];
      let tries = 0;
      for (const { kind, wire, sessionId } of attacker.spots) {
        const { targetInfos = [] } = ((await wire.ask('Target.getTargets', { filter: [{}] }, sessionId))
          ?.result ?? {}) as {
          targetInfos?: { targetId: string; type: string }[];
        };
        for (const { targetId, type } of targetInfos) {
          const attached = await wire.ask(
            'Target.attachToTarget',
            { targetId, flatten: false },
            sessionId,
            3_000,
          );
          const inner = attached?.result?.['sessionId'] as string | undefined;
          tries++;
          if (inner === undefined) continue;
          for (const { real } of house.ids.filter((id) => id.kind === 'target')) {
            const message = JSON.stringify({
              id: 1,
              method: 'Target.attachToTarget',
              params: { targetId: real },
            });
            await wire.ask('Target.sendMessageToTarget', { sessionId: inner, message }, sessionId, 3_000);
            tries++;
          }
          const told = wire.events.filter(({ method }) => method === 'Target.receivedMessageFromTarget');
          const won = told.filter(({ params }) => String(params?.['message']).includes('"result"'));
          if (won.length > 0)
            leaks.push(`a message inside a message, ${kind} to ${type}: ${JSON.stringify(won[0])}`);
        }
      }
      return { tries, leaks };
    },
  },
  {
    name: 'gives the protocol to the script of its own page',
    attempt: async ({ attacker, stage }) => {
      const leaks: string[] = [];
      const { wire } = attacker.spot('root');
      const page = await openPage(wire, stage.site.url('attacker', 'empty'));
      const all = [...attacker.spots, { kind: 'the page itself', wire, sessionId: page.sessionId }];
      for (const { kind, wire: by, sessionId } of all) {
        const params = { targetId: page.targetId, bindingName: 'cdp', inheritPermissions: true };
        const exposed = await by.ask('Target.exposeDevToolsProtocol', params, sessionId, 3_000);
        if (!exposed?.result) continue;
        const text = await wire.evaluate<string>(page.sessionId, askFromPage);
        if (text.includes(SECRET)) leaks.push(`in a ${kind} session: ${text.slice(0, 200)}`);
      }
      await wire.send('Target.closeTarget', { targetId: page.targetId });
      return { tries: all.length, leaks };
    },
  },
  {
    name: 'opens DevTools and remote locations for itself',
    attempt: async ({ attacker, stage }) => {
      const leaks: string[] = [];
      const { port } = new URL(stage.site.origin);
      const { wire } = attacker.spot('root');
      const page = await openPage(wire, stage.site.url('attacker', 'empty'));
      for (const { kind, wire: by, sessionId } of attacker.spots) {
        for (const [method, params] of [
          ['Target.setRemoteLocations', { locations: [{ host: '127.0.0.1', port: Number(port) }] }],
          ['Target.openDevTools', { targetId: page.targetId }],
          ['Target.getDevToolsTarget', { targetId: page.targetId }],
          ['Tethering.bind', { port: 0 }],
        ] as const) {
          const reply = await by.ask(method, params, sessionId, 3_000);
          if (reply?.result)
            leaks.push(`${method} in a ${kind} session was done: ${JSON.stringify(reply.result)}`);
        }
      }
      await wire.send('Target.closeTarget', { targetId: page.targetId });
      return { tries: 4 * attacker.spots.length, leaks };
    },
  },
  {
    name: 'reads the clipboard that the victim writes, and writes over it',
    attempt: async ({ attacker, house, stage }) => {
      const leaks: string[] = [];
      const clipboard = { permissions: ['clipboardReadWrite', 'clipboardSanitizedWrite'] };
      const { wire } = attacker.spot('root');
      await wire.ask('Browser.grantPermissions', { ...clipboard, origin: stage.site.origin });
      const page = await openPage(wire, stage.site.url('attacker', 'empty'));
      const { sessionId } = page;
      const { wrote, paste } = await house.during(copy);
      await wire.send('Page.bringToFront', {}, sessionId);
      const read = await wire.evaluate<string>(
        sessionId,
        `navigator.clipboard.readText().catch((e)=>'refused: '+e.message)`,
      );
      if (read.includes(SECRET)) leaks.push('navigator.clipboard.readText reads it');
      const area = `document.body.append(globalThis.area=document.createElement('textarea'));area.focus();1`;
      await wire.evaluate(sessionId, area);
      await wire.evaluate(sessionId, `document.execCommand('paste')`);
      const key = {
        type: 'keyDown',
        key: 'v',
        code: 'KeyV',
        modifiers: 2,
        windowsVirtualKeyCode: 86,
        commands: ['paste'],
      };
      await wire.ask('Input.dispatchKeyEvent', key, sessionId, 3_000);
      for (const [code, modifiers] of [
        [86, 2],
        [86, 4],
        [86, 10],
        [45, 8],
      ] as const) {
        const pressed = { type: 'rawKeyDown', windowsVirtualKeyCode: code, modifiers };
        await wire.ask('Input.dispatchKeyEvent', pressed, sessionId, 3_000);
      }
      const middle = { x: 20, y: 20, button: 'middle', clickCount: 1 };
      await wire.evaluate(sessionId, `area.style='position:fixed;left:0;top:0';1`);
      for (const type of ['mousePressed', 'mouseReleased'])
        await wire.ask('Input.dispatchMouseEvent', { type, ...middle }, sessionId, 3_000);
      const pasted = await wire.evaluate<string>(sessionId, `area.value`);
      if (pasted.includes(SECRET)) leaks.push('pasting reads it');
      const over = await wire.evaluate<string>(
        sessionId,
        `navigator.clipboard.writeText('stolen').then(()=>'done',(e)=>'refused: '+e.message)`,
      );
      const after = await house.during(paste);
      if (wrote === 'done' && after === 'stolen') leaks.push(`writing over it: ${over}`);
      await wire.send('Target.closeTarget', { targetId: page.targetId });
      return { tries: 9, leaks };
    },
  },
];

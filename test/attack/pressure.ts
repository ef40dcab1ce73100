import type { Site } from '../support/site.js';
import { openPage } from './page.js';
import type { Party } from './parties.js';
import { Wire } from './wire.js';

/** Where the pages are. */
export type Pages = Pick<Site, 'url'>;

/** What an attacker under way can be told. */
export interface Pressing {
  stop(): Promise<void>;
}

/** Something that weighs on all of Chrome, or on cdpmux, for as long as it goes on. */
export interface Pressure {
  readonly name: string;
  /** Begins; is under way when it resolves. */
  readonly press: (party: Party, site: Pages) => Promise<Pressing>;
}

/** An attack that one client makes. */
function byOne(
  name: string,
  work: (wire: Wire, site: Pages, going: () => boolean) => Promise<void>,
): Pressure {
  return {
    name,
    press: async (party, site) => {
      const wire = await Wire.connect(party.wsUrl, party.headers);
      let isGoing = true;
      wire.onText = () => {
        // nothing is kept: what floods in must not fill this process
        if (wire.events.length > 1_000) wire.events = [];
      };
      await work(wire, site, () => isGoing && wire.isOpen);
      return {
        stop: async () => {
          isGoing = false;
          await wire.terminate();
        },
      };
    },
  };
}

/** Goes on with a step for as long as the attack does. */
function again(going: () => boolean, step: () => Promise<unknown>): void {
  const next = async (): Promise<void> => {
    while (going()) {
      await step().catch(() => undefined);
      // a step that is refused at once must not keep this process from reading
      await new Promise((done) => setImmediate(done));
    }
  };
  void next();
}

const empty = (site: Pages): string => site.url('attacker', 'empty');

/** Floods with commands, 64 on their way at all times. */
export const flood = byOne('floods with 64 commands on their way', async (wire, site, going) => {
  const { sessionId } = await openPage(wire, empty(site));
  for (let n = 0; n < 64; n++) {
    again(going, () => wire.ask('Runtime.evaluate', { expression: '1+1' }, sessionId));
  }
});

/** All of them; the flood comes first. */
export const pressures: readonly Pressure[] = [
  flood,
  byOne('floods its root with target commands', async (wire, _site, going) => {
    for (let n = 0; n < 64; n++) again(going, () => wire.ask('Target.getTargets', { filter: [{}] }));
    return Promise.resolve();
  }),
  byOne('pauses the debugger', async (wire, site) => {
    const { sessionId } = await openPage(wire, empty(site));
    await wire.send('Debugger.enable', {}, sessionId);
    void wire.ask('Runtime.evaluate', { expression: 'debugger' }, sessionId, 1_000);
    await wire.event('Debugger.paused');
  }),
  byOne('crashes its pages', async (wire, site, going) => {
    again(going, async () => {
      const { sessionId, targetId } = await openPage(wire, empty(site));
      void wire.ask('Page.crash', {}, sessionId, 1_000);
      await wire.event('Inspector.targetCrashed', (event) => event.sessionId === sessionId);
      await wire.ask('Target.closeTarget', { targetId });
    });
    return Promise.resolve();
  }),
  byOne('hangs its page in a loop', async (wire, site) => {
    const { sessionId } = await openPage(wire, empty(site));
    void wire.ask('Runtime.evaluate', { expression: 'for(;;);' }, sessionId, 1_000);
  }),
  byOne('fills 200 MB of heap', async (wire, site) => {
    const { sessionId } = await openPage(wire, empty(site));
    const fill = `globalThis.kept=Array.from({length:200},()=>new Array(131072).fill(Math.random()));kept.length`;
    await wire.evaluate(sessionId, fill);
  }),
  byOne('opens and closes 50 pages', async (wire, _site, going) => {
    again(going, async () => {
      const opened: unknown[] = [];
      for (let n = 0; n < 50 && going(); n++) {
        const reply = await wire.ask('Target.createTarget', { url: 'about:blank' });
        opened.push(reply?.result?.['targetId']);
      }
      await Promise.all(opened.map((targetId) => wire.ask('Target.closeTarget', { targetId })));
    });
    return Promise.resolve();
  }),
  byOne('sends and asks for huge messages', async (wire, site, going) => {
    const { sessionId } = await openPage(wire, empty(site));
    const expression = `'${'x'.repeat(4 * 1024 * 1024)}'`;
    again(going, () => wire.ask('Runtime.evaluate', { expression, returnByValue: true }, sessionId));
  }),
  byOne('lets its console and network run over', async (wire, site) => {
    const { sessionId } = await openPage(wire, empty(site));
    await Promise.all(
      ['Runtime', 'Log', 'Network', 'DOM'].map((domain) => wire.send(`${domain}.enable`, {}, sessionId)),
    );
    const run = `setInterval(()=>{for(let n=0;n<50;n++)console.log('x'.repeat(200),n);fetch('data.json').catch(()=>0)},10);1`;
    await wire.evaluate(sessionId, run);
  }),
  byOne('takes screencasts of 3 pages', async (wire, site) => {
    const moving = `const d=document.createElement('div');document.body.append(d);(function f(){d.textContent=Math.random();requestAnimationFrame(f)})();1`;
    for (let n = 0; n < 3; n++) {
      const { sessionId } = await openPage(wire, empty(site));
      await wire.evaluate(sessionId, moving);
      await wire.send('Page.startScreencast', { format: 'png', everyNthFrame: 1 }, sessionId);
    }
    const before = wire.onText;
    wire.onText = (text, message, asked) => {
      before?.(text, message, asked);
      if (message.method !== 'Page.screencastFrame') return;
      void wire.ask(
        'Page.screencastFrameAck',
        { sessionId: message.params?.['sessionId'] },
        message.sessionId,
      );
    };
  }),
  byOne('holds every new target and resumes none', async (wire, site, going) => {
    const params = {
      autoAttach: true,
      waitForDebuggerOnStart: true,
      flatten: true,
      filter: [{ type: 'tab', exclude: true }, {}],
    };
    await wire.send('Target.setAutoAttach', params);
    for (let n = 0; n < 10 && going(); n++) {
      await wire.ask('Target.createTarget', { url: empty(site) }, undefined, 500);
    }
  }),
  {
    name: 'closes and crashes the browser, again and again',
    press: (party) => {
      let isGoing = true;
      again(
        () => isGoing,
        async () => {
          const wire = await Wire.connect(party.wsUrl, party.headers);
          for (const method of ['Browser.crash', 'Browser.crashGpuProcess', 'Browser.close']) {
            await wire.ask(method, {}, undefined, 2_000);
          }
          await wire.terminate();
        },
      );
      return Promise.resolve({ stop: () => Promise.resolve(void (isGoing = false)) });
    },
  },
  {
    name: 'goes away in the middle of everything, again and again',
    press: (party, site) => {
      let isGoing = true;
      again(
        () => isGoing,
        async () => {
          const wire = await Wire.connect(party.wsUrl, party.headers);
          const params = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true, filter: [{}] };
          void wire.ask('Target.setAutoAttach', params);
          void wire.ask('Fetch.enable', {});
          for (let n = 0; n < 5; n++)
            void wire.ask('Target.createTarget', { url: site.url('attacker', 'home') });
          await wire.ask('Browser.getVersion');
          await wire.terminate();
        },
      );
      return Promise.resolve({ stop: () => Promise.resolve(void (isGoing = false)) });
    },
  },
];

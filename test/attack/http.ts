import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import type { Attack, Stage } from './arena.js';
import { SECRET } from './living.js';
import { pageUrl, type Party } from './parties.js';

/** Whether a WebSocket at this URL is let in, and is then closed again. */
async function letsIn(url: string, { headers }: Party): Promise<boolean> {
  const socket = new WebSocket(url, { headers, perMessageDeflate: false });
  const opened = await new Promise<boolean>((done) => {
    socket.on('open', () => done(true)).on('error', () => done(false));
  });
  socket.terminate();
  return opened;
}

const endpoints = [
  '/json',
  '/json/list',
  '/json/version',
  '/json/protocol',
  '/api/v1/status',
  '/api/v1/virtual-browsers',
  '/api/v1/virtual-browsers?tenant=victim',
  '/api/v1/queue',
  '/api/v1/browsers',
  '/api/v1/connections',
];

/** One's own name, the other's, and none: all with the attacker's own token. */
function bases({ parties }: Stage): string[] {
  const { attacker, victim } = parties;
  const plain = attacker.httpUrl.replace(/\/name\/.*$/, '');
  return [...new Set([plain, attacker.httpUrl, `${plain}/name/of-victim`, victim.httpUrl])];
}

/** Chrome's HTTP endpoints and WebSocket paths with what is the victim's. */
export const http: readonly Attack[] = [
  {
    name: 'reads every HTTP list',
    attempt: async ({ stage, house }) => {
      const { headers } = stage.parties.attacker;
      const leaks: string[] = [];
      let tries = 0;
      for (const base of bases(stage)) {
        for (const path of endpoints) {
          tries++;
          const response = await fetch(`${base}${path}`, { headers });
          const text = await response.text();
          const found = [...house.secrets].find((secret) => text.includes(secret));
          if (found !== undefined) leaks.push(`GET ${path} has ${found}`);
        }
      }
      return { tries, leaks };
    },
  },
  {
    name: 'activates and closes the victim’s targets by HTTP',
    attempt: async ({ stage, house }) => {
      const { headers } = stage.parties.attacker;
      const leaks: string[] = [];
      const targets = house.ids.filter(({ kind }) => kind === 'target');
      let tries = 0;
      for (const base of bases(stage)) {
        for (const { real, never, of } of targets) {
          for (const path of ['activate', 'close']) {
            tries++;
            const replies = await Promise.all(
              [real, never].map(async (id) => {
                const response = await fetch(`${base}/json/${path}/${id}`, { headers });
                return `${response.status} ${(await response.text()).replaceAll(String(id), '<id>')}`;
              }),
            );
            if (replies[0] !== replies[1]) leaks.push(`${path} of ${of}: ${replies.join(' but for none ')}`);
          }
        }
      }
      return { tries, leaks };
    },
  },
  {
    name: 'looks at the victim’s virtual browsers and ends them',
    attempt: async ({ stage: { parties } }) => {
      const { attacker, victim } = parties;
      const list = `${victim.httpUrl}/api/v1/virtual-browsers`;
      const answer = await fetch(list, { headers: victim.headers });
      const { virtualBrowsers } = (await answer.json()) as { virtualBrowsers: { id: string }[] };
      const leaks: string[] = virtualBrowsers.length > 0 ? [] : ['the victim has none'];
      let tries = 0;
      for (const { id } of virtualBrowsers) {
        for (const method of ['GET', 'DELETE']) {
          tries++;
          const replies = await Promise.all(
            [id, randomUUID()].map(async (one) => {
              const response = await fetch(`${list}/${one}`, { method, headers: attacker.headers });
              return `${response.status} ${(await response.text()).replaceAll(one, '<id>')}`;
            }),
          );
          if (replies[0] !== replies[1]) leaks.push(`${method}: ${replies.join(' but for none ')}`);
        }
      }
      return { tries, leaks };
    },
  },
  {
    name: 'opens the victim’s pages under a name of its own',
    attempt: async ({ stage, house }) => {
      const { attacker } = stage.parties;
      const named = attacker.httpUrl.includes('/name/')
        ? attacker
        : { ...attacker, httpUrl: `${attacker.httpUrl}/name/mine` };
      const leaks: string[] = [];
      const targets = house.ids.filter(({ kind }) => kind === 'target');
      for (const { real, of } of targets) {
        if (await letsIn(pageUrl(named, String(real)), attacker)) leaks.push(`/devtools/page/ of ${of}`);
      }
      return { tries: targets.length, leaks };
    },
  },
  {
    name: 'opens the victim’s pages and browser by id with another token',
    attempt: async ({ stage, house }) => {
      const { attacker } = stage.parties;
      const root = attacker.httpUrl.replace(/^http/, 'ws');
      const leaks: string[] = [];
      const targets = house.ids.filter(({ kind }) => kind === 'target');
      for (const { real, of } of targets) {
        for (const kind of ['page', 'browser']) {
          if (await letsIn(`${root}/devtools/${kind}/${real}`, attacker))
            leaks.push(`/devtools/${kind}/ of ${of}`);
        }
      }
      return { tries: 2 * targets.length, leaks };
    },
  },
  {
    name: 'comes as the victim’s name',
    attempt: async ({ stage }) => {
      const { attacker, victim } = stage.parties;
      const name = `${attacker.httpUrl}/name/of-victim/json/new?${stage.site.url(SECRET, 'empty')}`;
      const opened = await fetch(name.replace('of-victim', 'both'), {
        method: 'PUT',
        headers: victim.headers,
      });
      const { id } = (await opened.json()) as { id: string };
      const seen = await fetch(`${attacker.httpUrl}/name/both/json/list`, { headers: attacker.headers });
      const text = await seen.text();
      return {
        tries: 1,
        leaks: text.includes(id) ? [`its page is in the attacker's list: ${text.slice(0, 200)}`] : [],
      };
    },
  },
];

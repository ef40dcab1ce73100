import type { Attack, Fight } from './arena.js';
import { stay } from './living.js';

/** Commands whose answer is about the whole Chrome or the machine. */
const questions: readonly (readonly [method: string, params: object])[] = [
  ['SystemInfo.getProcessInfo', {}],
  ['Browser.getHistograms', { query: 'Navigation', delta: false }],
  ['Browser.getHistograms', { query: 'DevTools', delta: false }],
  ['Browser.getHistogram', { name: 'Navigation.StartToCommit', delta: false }],
  ['Memory.getBrowserSamplingProfile', {}],
  ['Memory.getAllTimeSamplingProfile', {}],
  ['Memory.getDOMCounters', {}],
  ['Storage.getUsageAndQuota', { origin: '' }],
  ['Storage.getTrustTokens', {}],
  ['Storage.getInterestGroupDetails', { ownerOrigin: '', name: 'x' }],
  ['Storage.getSharedStorageEntries', { ownerOrigin: '' }],
  ['Extensions.getExtensions', {}],
  ['Performance.getMetrics', {}],
];

/** The same number of processes, and the same counts: CPU times run on by themselves. */
function countsOf(method: string, text: string): string {
  if (method === 'SystemInfo.getProcessInfo') return String([...text.matchAll(/"id":/g)].length);
  if (method === 'Performance.getMetrics') return '';
  return text;
}

async function ask({ attacker, stage }: Fight): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  for (const { kind, wire, sessionId } of attacker.spots) {
    for (const [method, params] of questions) {
      const filled = 'origin' in params ? { origin: stage.site.origin } : params;
      const reply = await wire.ask(method, filled, sessionId, 3_000);
      if (!reply?.result) continue;
      const key = `${method} ${JSON.stringify(params)} in a ${kind} session`;
      answers.set(key, countsOf(method, JSON.stringify(reply.result)));
    }
  }
  return answers;
}

/** What an answer about all of Chrome says of who else is in it. */
export const machine: readonly Attack[] = [
  {
    name: 'counts processes, histograms, memory and storage before and after the victim works',
    attempt: async (fight) => {
      const before = await ask(fight);
      const { house } = fight;
      const leave = await house.during(stay);
      const after = await ask(fight);
      await house.during(leave);
      const leaks = [...after].flatMap(([key, answer]) =>
        answer === before.get(key)
          ? []
          : [`${key} tells of the victim: ${before.get(key)?.slice(0, 100)} became ${answer.slice(0, 100)}`],
      );
      return { tries: 2 * questions.length * fight.attacker.spots.length, leaks };
    },
  },
  {
    name: 'reads paths and environment of the machine',
    attempt: async ({ attacker }) => {
      const leaks: string[] = [];
      const methods = [
        'SystemInfo.getInfo',
        'Browser.getBrowserCommandLine',
        'Memory.getBrowserSamplingProfile',
      ];
      for (const { kind, wire, sessionId } of attacker.spots) {
        for (const method of methods) {
          const reply = await wire.ask(method, {}, sessionId, 3_000);
          const text = JSON.stringify(reply?.result ?? {});
          if (/user-data-dir|\/usr\/|\/tmp\//.test(text))
            leaks.push(`${method} in a ${kind} session: ${text.slice(0, 200)}`);
        }
      }
      return { tries: methods.length * attacker.spots.length, leaks };
    },
  },
];

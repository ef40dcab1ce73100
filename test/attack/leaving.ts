import { LOST, type Arena, type Fight, type Result } from './arena.js';
import { plausible } from './exhaustive.js';
import { kindOf } from './ids.js';
import { attachTo, openPage, targetOf } from './page.js';
import { commands, fill, type Command } from './protocol.js';
import { Wire } from './wire.js';

/** So many commands are begun side by side, each by a client of its own. */
const TOGETHER = 6;
/** Longest that a command is given to begin, ms: most are answered by then, and what is not goes on in Chrome. */
const BEGUN = 300;

/** Begins each command on things of its own, and leaves without a word; one result for each handful of them. */
export async function leaving(
  arena: Arena,
  only: readonly string[] | undefined,
  told: (result: Result) => void,
): Promise<void> {
  const chosen = commands.filter(({ method }) => only === undefined || only.includes(method));
  for (let at = 0; at < chosen.length; at += TOGETHER) {
    const group = chosen.slice(at, at + TOGETHER);
    const result = await attempt(arena, group);
    // which one it was
    if (!result.leaks.includes(LOST) || group.length === 1) told(result);
    else for (const command of group) told(await attempt(arena, [command]));
  }
}

function attempt(arena: Arena, group: readonly Command[]): Promise<Result> {
  const name = `leaves in the middle of ${group[0]!.method}${group.length > 1 ? ` … ${group.at(-1)!.method}` : ''}`;
  return arena.run({
    name,
    attempt: async (fight) => {
      const ways = group.flatMap((command) => [
        beginAndLeave(command, fight, 'at once'),
        beginAndLeave(command, fight, 'then'),
      ]);
      const tries = await Promise.all(ways);
      return { tries: tries.reduce((sum, one) => sum + one, 0), leaks: [] };
    },
  });
}

/** With its page, its tab and its root; at once, as with the next command, or when Chrome has had time to begin. */
async function beginAndLeave(
  command: Command,
  { stage }: Fight,
  leaves: 'at once' | 'then',
): Promise<number> {
  const { parties, site, directory } = stage;
  const wire = await Wire.connect(parties.attacker.wsUrl, parties.attacker.headers);
  const { targetId, sessionId } = await openPage(wire, site.url('attacker', 'empty'));
  const tab = await attachTo(wire, await targetOf(wire, 'tab'));
  const own = { url: site.url('attacker', 'empty'), directory };
  const params = Object.fromEntries(
    command.parameters
      .filter(({ optional }) => optional !== true)
      .map((parameter) => {
        const value = fill(parameter, command.domain, parameter.name!, (schema, domain) => {
          const kind = kindOf(schema, domain);
          return kind === 'target' || kind === 'frame' ? targetId : plausible(schema, own);
        });
        return [parameter.name, value];
      }),
  );
  await wire.ask(`${command.domain}.enable`, {}, sessionId, BEGUN);
  const sessions = [sessionId, tab.sessionId, undefined];
  const asked = sessions.map((session) => wire.ask(command.method, params, session, BEGUN));
  if (leaves === 'at once') await Promise.all([wire.ask('Browser.close'), wire.closed]);
  await Promise.all(asked);
  await wire.terminate();
  return sessions.length;
}

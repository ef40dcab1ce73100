import { LOST, type Arena, type Result } from './arena.js';
import { attack, inOrder, isFatal } from './exhaustive.js';
import type { Command } from './protocol.js';

/** Commands of a domain and what came of them. */
export interface Outcome extends Result {
  /** Commands that got no answer, with the kinds of session. */
  readonly unanswered: readonly string[];
}

/** How it is done. */
export interface Options {
  readonly only?: readonly string[];
  /** After so many commands the victim is looked at: 1 tells exactly which one it was. */
  readonly lookAfter?: number;
  /** Of each command's ways, a session and an id each, only one of so many; from command to command the next ones. */
  readonly oneOf?: number;
}

interface Tally {
  count: number;
  tries: number;
  leaks: string[];
  unanswered: string[];
}

/** Sends every command of the protocol with the victim's ids from everywhere, or in some of these ways; one result for each domain. */
export async function everyCommand(
  arena: Arena,
  { only, lookAfter = 1, oneOf = 1 }: Options = {},
): Promise<Outcome[]> {
  const domains = new Map<string, Tally>();
  const chosen = inOrder.filter(({ method }) => only === undefined || only.includes(method));
  let sent = 0;
  for (const group of groupsOf(chosen, lookAfter)) {
    const tally = domains.get(group[0]!.domain) ?? { count: 0, tries: 0, leaks: [], unanswered: [] };
    domains.set(group[0]!.domain, tally);
    const [first, last] = [group[0]!.method, group.at(-1)!.method];
    const name = first === last ? first : `${first} … ${last}`;
    const { tries, leaks } = await arena.run({
      name,
      attempt: ({ attacker, house }) =>
        sendAll(
          group,
          (command) =>
            attack(command, attacker, house.ids, ownOf(arena), { sample: { first: sent++, oneOf } }),
          tally,
        ),
    });
    tally.count += group.length;
    tally.tries += tries;
    tally.leaks.push(...leaks.map((leak) => (leak.startsWith(group[0]!.domain) ? leak : `${name}: ${leak}`)));
    if (leaks.includes(LOST)) tally.leaks.push(...(await killers(arena, group)));
  }
  return [...domains].map(([domain, { count, ...rest }]) => ({
    name: `${domain}: ${count} command${count === 1 ? '' : 's'} with the victim’s ids, from every session`,
    ...rest,
  }));
}

async function sendAll(
  group: readonly Command[],
  send: (command: Command) => ReturnType<typeof attack>,
  tally: Tally,
): Promise<{ tries: number; leaks: string[] }> {
  let tries = 0;
  const leaks: string[] = [];
  for (const command of group) {
    const outcome = await send(command);
    tries += outcome.sent;
    leaks.push(...outcome.leaks.map((leak) => `${command.method} ${leak}`));
    if (outcome.unanswered.length > 0) {
      tally.unanswered.push(`${command.method} (${outcome.unanswered.join(', ')})`);
    }
  }
  return { tries, leaks };
}

/** Neighbours of one domain; what ends the attacker stays alone. */
function groupsOf(commands: readonly Command[], size: number): Command[][] {
  const groups: Command[][] = [];
  for (const command of commands) {
    const last = groups.at(-1);
    const fits = last && last.length < size && last[0]?.domain === command.domain && !isFatal(command);
    if (fits) last.push(command);
    else groups.push([command]);
  }
  return groups;
}

/** Which command ends Chrome, and from which sessions. */
async function killers(arena: Arena, group: readonly Command[]): Promise<string[]> {
  const found: string[] = [];
  for (const command of group) {
    const kinds = await arena.pinpoint(({ attacker, house }, spots) =>
      attack(command, attacker, house.ids, ownOf(arena), { spots }),
    );
    if (kinds.length > 0) found.push(`${command.method} ends Chrome from: ${kinds.join(', ')}`);
  }
  return found;
}

const ownOf = ({ stage }: Arena): { url: string; directory: string } => ({
  url: stage.site.url('attacker', 'empty'),
  directory: stage.directory,
});

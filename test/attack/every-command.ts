import type { Arena, Result } from './arena.js';
import { attack, inOrder } from './exhaustive.js';
import type { Command } from './protocol.js';

/** A group of commands and what came of it. */
export interface Outcome extends Result {
  /** Commands that got no answer, with the kinds of session. */
  readonly unanswered: readonly string[];
}

/** Sends every command of the protocol with the victim's ids from everywhere; one result for each domain. */
export async function everyCommand(
  arena: Arena,
  {
    only,
    onCommand,
  }: { readonly only?: readonly string[]; readonly onCommand?: (method: string) => void } = {},
): Promise<Outcome[]> {
  const own = { url: arena.stage.site.url('attacker', 'empty'), directory: arena.stage.directory };
  const domains = new Map<string, { tries: number; leaks: string[]; unanswered: string[]; count: number }>();
  for (const command of inOrder) {
    if (only && !only.includes(command.method)) continue;
    onCommand?.(command.method);
    const domain = domains.get(command.domain) ?? { tries: 0, leaks: [], unanswered: [], count: 0 };
    domains.set(command.domain, domain);
    const { tries, leaks } = await arena.run(command.method, async ({ attacker, house }) => {
      const outcome = await attack(command, attacker, house.ids, own);
      if (outcome.unanswered.length > 0) {
        domain.unanswered.push(`${command.method} (${outcome.unanswered.join(', ')})`);
      }
      return { tries: outcome.sent, leaks: outcome.leaks };
    });
    domain.count++;
    domain.tries += tries;
    domain.leaks.push(...leaks.map((leak) => `${command.method} ${leak}`));
    if (leaks.includes('the victim lost its browser')) domain.leaks.push(await killer(arena, command, own));
  }
  return [...domains].map(([domain, { count, ...rest }]) => ({
    name: `${domain}: ${count} command${count === 1 ? '' : 's'} with the victim's ids, from every session`,
    ...rest,
  }));
}

async function killer(
  arena: Arena,
  command: Command,
  own: { readonly url: string; readonly directory: string },
): Promise<string> {
  const kinds = await arena.pinpoint(({ attacker, house }, spots) =>
    attack(command, attacker, house.ids, own, spots),
  );
  return `${command.method} ends Chrome from: ${kinds.join(', ')}`;
}

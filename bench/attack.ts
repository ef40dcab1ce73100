import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findChrome } from '../src/chrome/executable.js';
import { openSite } from '../test/support/site.js';
import { Arena } from '../test/attack/arena.js';
import { everyCommand } from '../test/attack/every-command.js';
import { named } from '../test/attack/named.js';
import { partiesAt } from '../test/attack/parties.js';
import { startCdpmux } from './cdpmux.js';
import { Closers } from './closers.js';

await Closers.with(async (closers) => {
  const executable = await findChrome({
    chrome: undefined,
    kind: 'shell',
    env: process.env,
    tmpDir: tmpdir(),
  });
  const cdpmux = await startCdpmux(executable);
  closers.add(() => cdpmux.close());
  const site = await openSite();
  closers.add(() => site.close());
  const directory = await mkdtemp(join(tmpdir(), 'cdpmux-attack-'));
  closers.add(() => rm(directory, { recursive: true }));
  const parties = partiesAt({
    url: cdpmux.wsUrl.replace(/^ws/, 'http').replace(/\/$/, ''),
    wsUrl: cdpmux.wsUrl,
  });
  const arena = await Arena.open({ parties, site, directory });
  for (const attack of named) {
    const { name } = attack;
    const start = performance.now();
    const result = await arena.run(attack);
    console.log(
      result.leaks.length ? 'LEAK' : 'ok',
      name,
      result.tries,
      Math.round(performance.now() - start),
      'ms',
    );
    for (const leak of result.leaks.slice(0, 12)) console.log('     ', leak.slice(0, 500));
  }
  if (!process.env['NAMED']) {
    const outcomes = await everyCommand(arena, {
      ...(process.env['ONLY'] && { only: process.env['ONLY'].split(',') }),
    });
    for (const o of outcomes) {
      console.log(o.leaks.length ? 'LEAK' : 'ok', o.name, o.tries, o.unanswered.join(' '));
      for (const leak of o.leaks.slice(0, 12)) console.log('     ', leak.slice(0, 500));
    }
  }
  console.log(await arena.close());
});

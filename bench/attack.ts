import { mkdtemp, rm, appendFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findChrome } from '../src/chrome/executable.js';
import { openSite } from '../test/support/site.js';
import { Attacker } from '../test/attack/attacker.js';
import { attack, inOrder, isFatal } from '../test/attack/exhaustive.js';
import { House } from '../test/attack/house.js';
import { partiesAt } from '../test/attack/parties.js';
import { Wire } from '../test/attack/wire.js';
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
  const t0 = performance.now();
  let house = await House.build(await Wire.connect(parties.victim.wsUrl), site, directory);
  console.log('house', performance.now() - t0, house.ids.length);
  console.log('changes alone', await house.changes());
  let attacker = await Attacker.open(parties.attacker, site, house.secrets);
  console.log(
    'attacker',
    performance.now() - t0,
    attacker.takeLeaks(),
    await attacker.deadSpots(),
    await house.changes(),
  );
  let sent = 0;
  const only = process.env['ONLY']?.split(',');
  for (const command of inOrder) {
    if (only && !only.includes(command.method)) continue;
    const start = performance.now();
    const outcome = await attack(command, attacker, house.ids, {
      url: site.url('attacker', 'empty'),
      directory,
    });
    sent += outcome.sent;
    const t1 = performance.now();
    const changes = await house.changes();
    const t2 = performance.now();
    const dead = await attacker.deadSpots();
    const t3 = performance.now();
    for (const l of [...outcome.leaks, ...changes.map((c) => 'VICTIM: ' + c)])
      console.log('LEAK', command.method, l.slice(0, 400));
    if (t3 - start > 400)
      console.log(
        'SLOW',
        command.method,
        outcome.sent,
        Math.round(t1 - start),
        Math.round(t2 - t1),
        Math.round(t3 - t2),
        outcome.unanswered.join(),
      );
    if (!house.wire.isOpen) {
      console.log('REBUILD HOUSE', command.method);
      await attacker.leave();
      for (let n = 0; n < attacker.spots.length; n++) {
        house = await House.build(await Wire.connect(parties.victim.wsUrl), site, directory);
        attacker = await Attacker.open(parties.attacker, site, house.secrets);
        await attack(command, attacker, house.ids, { url: site.url('attacker', 'empty'), directory }, [
          attacker.spots[n]!,
        ]);
        await house.changes();
        if (!house.wire.isOpen) console.log('KILLED BY', command.method, attacker.spots[n]!.kind);
        await attacker.leave();
        await house.wire.terminate();
      }
      house = await House.build(await Wire.connect(parties.victim.wsUrl), site, directory);
      attacker = await Attacker.open(parties.attacker, site, house.secrets);
    } else if (dead.length || isFatal(command)) {
      console.log('REBUILD', command.method, dead.join());
      await attacker.leave();
      attacker = await Attacker.open(parties.attacker, site, house.secrets);
    }
  }
  console.log('sent', sent, 'in', performance.now() - t0);
  console.log('finish', await house.finish());
  void appendFile;
});

import { alone } from '../pool/figure.js';
import { faultsOf, soakMarkdown } from '../soak/report.js';
import { measureSoak } from '../soak/measure.js';
import type { Suite } from '../suite.js';

/** What grows, over hours of work with faults; `npm run soak` says more, and has more to choose. */
export const soakSuite: Suite = {
  name: 'soak',
  measures: 'what grows in --hours of mixed work with faults',
  flags: { hours: { default: '1', help: 'soak: for so long' } },
  byNameOnly: true,
  async run(run) {
    const hours = run.number('hours');
    const report = await measureSoak({
      executable: run.executable,
      closers: run.closers,
      seed: 1,
      clients: 6,
      loseKb: 0,
      duration: hours * 3_600_000,
      work: 40_000,
      command: `npm run bench -- --suite soak --hours ${hours}`,
    });
    run.extras['soak'] = report;
    console.log(soakMarkdown(report));
    const judged = report.slopes.filter(({ matters }) => matters !== undefined);
    return [
      alone('soak', 'things that grow, and errors that are not documented', '', faultsOf(report).length, {
        relation: '<=',
        value: 0,
      }),
      ...judged.map(({ name, unit, line }) => alone('soak', `${name}: in an hour`, unit, line.slope)),
    ];
  },
};

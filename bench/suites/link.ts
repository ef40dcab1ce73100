import { link, linkLine, linkTitles, type LinkRow } from '../link.js';
import type { Suite } from '../suite.js';

/** Several connections to one Chrome, near and behind a link. */
export const linkSuite: Suite = {
  name: 'link',
  measures:
    '20 busy clients over several connections to one Chrome behind a link (each thing for a tenth of --seconds)',
  async run(run) {
    const direct = await run.direct();
    console.log(`20 busy clients over so many connections to one Chrome\n${linkTitles()}`);
    const onRow = (row: LinkRow): void => console.log(linkLine(row));
    const seconds = run.number('seconds') / 10;
    const rows = await link({ directUrl: direct.wsUrl, connections: [1, 2, 5, 10], seconds, onRow });
    console.log('');
    run.extras['link'] = rows;
    return [];
  },
};

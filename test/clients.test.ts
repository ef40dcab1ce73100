import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startCdpmux } from './support/cdpmux.js';
import { startChrome } from './support/chrome.js';
import { cast, perform, withEach, type Performance } from './support/scenarios/cast.js';
import { literally } from './support/scenarios/literally.js';
import { Meeting } from './support/scenarios/scenario.js';
import { openSite } from './support/site.js';

describe('several clients at once on one Chrome', () => {
  const alone = new Map<string, Performance>();
  const together = new Map<string, Performance>();
  const failures: unknown[] = [];
  let closeAll = (): Promise<unknown> => Promise.resolve();

  beforeAll(async () => {
    // what a Chrome of its own gives is found out anew in each run, two at a time for two cores
    await withEach(cast, 2, async (actor) => {
      const [chrome, site] = await Promise.all([startChrome(), openSite()]);
      try {
        alone.set(actor.tag, await perform(actor, chrome, site, () => Promise.resolve()));
      } finally {
        await Promise.all([chrome.close(), site.close()]);
      }
    });

    const site = await openSite();
    const cdpmux = await startCdpmux({});
    closeAll = () => Promise.all([cdpmux.close(), site.close()]);
    const meeting = new Meeting(cast.length);
    await withEach(cast, cast.length, async (actor) => {
      const endpoint = { url: cdpmux.url + (actor.path ?? ''), wsUrl: cdpmux.wsUrl };
      try {
        together.set(actor.tag, await perform(actor, endpoint, site, meeting.meet));
      } catch (error) {
        failures.push(error);
        meeting.fail(error);
      }
    });
  }, 120_000);

  afterAll(() => closeAll());

  it('lets all of them finish', () => {
    // the first is the one to blame: the others only waited for it
    expect(failures.slice(0, 1)).toEqual([]);
  });

  describe.each(cast.map((actor) => ({ ...actor })))('$name', (actor) => {
    const { tag } = actor;
    const others = cast.filter((other) => other.tag !== tag).map((other) => other.tag);

    it('does on a Chrome of its own what a client expects', () => {
      expect(alone.get(tag)?.result).toMatchObject(literally(actor));
    });

    it('gets among others exactly what it gets on a Chrome of its own', () => {
      expect(together.get(tag)?.result).toEqual(alone.get(tag)?.result);
    });

    it.each(others)('hears nothing of the client tagged %s', (other) => {
      const mine = together.get(tag);
      const theirs = together.get(other);
      if (mine === undefined || theirs === undefined) throw new Error('one of them did not finish');
      expect(JSON.stringify(mine.result)).not.toContain(other);
      expect(JSON.stringify(mine.watch.log)).not.toContain(`/${other}/`);
      expect([...mine.watch.ids].filter((id) => theirs.watch.ids.has(id))).toEqual([]);
    });
  });
});

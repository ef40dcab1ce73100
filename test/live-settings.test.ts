import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../proxy/config.js';
import { readLive } from '../proxy/live.js';

const config = (...set: string[]) => loadConfig({ flags: { set } });
const changing = (from: string[], to: string[]) => {
  const started = config(...from);
  const { inForce, changed, needsRestart } = readLive(started, started, config(...to));
  const { min, max, upstreams } = inForce.browsers;
  return { changed, needsRestart, browsers: { min, max, upstreams } };
};

const one = 'browsers.upstreams=ws://one.test:1';
const two = 'browsers.upstreams=ws://two.test:1';

describe('what a reload can change of browsers', () => {
  it('are the sizes of what is launched', () => {
    expect(changing([], ['browsers.min=2', 'browsers.max=3', 'browsers.kind=shell'])).toEqual({
      changed: ['browsers.min', 'browsers.max'],
      needsRestart: ['browsers.kind'],
      browsers: { min: 2, max: 3, upstreams: [] },
    });
  });

  it('is which remote ones there are', () => {
    expect(changing([one], [two])).toMatchObject({
      changed: ['browsers.upstreams'],
      needsRestart: [],
      browsers: { min: 0, max: 0, upstreams: ['ws://two.test:1'] },
    });
    expect(changing([one, 'browsers.max=3'], [])).toMatchObject({
      needsRestart: [],
      browsers: { min: 1, max: 20, upstreams: [] },
    });
  });

  it.each([
    ['launched to remote', [], [one]],
    ['remote to launched', [one], []],
    ['launched to both', [], [one, 'browsers.max=5']],
  ])('is not the kind of source: %s stays as it was', (_what, from, to) => {
    const { browsers, changed, needsRestart } = changing(from, to);
    const { min, max, upstreams } = config(...from).browsers;
    expect(browsers).toEqual({ min, max, upstreams });
    expect(changed).toEqual([]);
    expect(needsRestart).toContain('browsers.upstreams');
  });

  it('is no launched one beside remote ones, where none was there', () => {
    expect(changing([one], [two, 'browsers.max=5'])).toEqual({
      changed: ['browsers.upstreams'],
      needsRestart: ['browsers.max'],
      browsers: { min: 0, max: 0, upstreams: ['ws://two.test:1'] },
    });
  });

  it('is the same of named pools, of which none comes or goes', () => {
    const started = config('pools.a.browsers.max=3', 'pools.gone.browsers.max=4');
    const now = config('pools.a.browsers.max=5', 'pools.a.browsers.kind=shell', 'pools.new.chrome=/x');
    const { inForce, changed, needsRestart } = readLive(started, started, now);
    expect(changed).toEqual(['pools.a.browsers.max']);
    expect(needsRestart).toEqual(['pools.a.browsers.kind', 'pools.gone', 'pools.new']);
    expect(Object.keys(inForce.pools)).toEqual(['a', 'gone']);
    expect(inForce.pools['a']?.browsers).toMatchObject({ max: 5, kind: 'auto' });
    expect(inForce.pools['gone']).toEqual(started.pools['gone']);
  });
});

import { describe, expect, it } from '@jest/globals';
import { Unseen, type Maker, type UnseenTarget } from '../src/virtual/unseen.js';

const info = {
  targetId: 'page-1',
  type: 'page',
  title: '',
  url: 'about:blank',
  attached: false,
  canAccessOpener: false,
  browserContextId: 'context-1',
};

/** One that takes whatever is new in its context for what it makes. */
class EagerMaker implements Maker {
  readonly hidden: UnseenTarget[] = [];
  readonly gone: UnseenTarget[] = [];

  hides(target: UnseenTarget): boolean {
    this.hidden.push(target);
    return true;
  }

  lost(target: UnseenTarget): void {
    this.gone.push(target);
  }
}

describe('a target that was made ahead of need', () => {
  function made() {
    const unseen = new Unseen();
    const maker = new EagerMaker();
    unseen.expect('context-1', maker);
    expect(unseen.learn(info)).toBe(true);
    return { unseen, maker, target: maker.hidden[0]! };
  }

  it('is known as Chrome described it first and last', () => {
    const { unseen, maker, target } = made();
    expect(unseen.learn({ ...info, attached: true })).toBe(true);
    expect(target).toEqual({ first: info, latest: { ...info, attached: true }, crashed: false });
    expect(maker.hidden).toHaveLength(1);
  });

  it('stays in sight once it is revealed, though another is being made in its context', () => {
    const { unseen, maker, target } = made();
    unseen.reveal(target);
    expect(unseen.learn({ ...info, attached: true })).toBe(false);
    expect(unseen.has('page-1')).toBe(false);
    expect(maker.hidden).toHaveLength(1);
    expect(unseen.learn({ ...info, targetId: 'page-2' })).toBe(true);
  });

  it('is its owner’s alone when it goes after that', () => {
    const { unseen, maker, target } = made();
    unseen.reveal(target);
    unseen.destroyed('page-1');
    expect(maker.gone).toEqual([]);
  });
});

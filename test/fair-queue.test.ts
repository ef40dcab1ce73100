import { describe, expect, it } from '@jest/globals';
import { FairQueue, type Kind, type Waiter } from '../src/pool/fair-queue.js';

interface Named extends Waiter {
  readonly name: string;
}

/** A queue on a clock of the test's own. */
function queueOf(fits: (kind: Kind) => boolean = () => true) {
  const clock = { now: 0 };
  const queue = new FairQueue<Named>({ fits, aging: () => 100, now: () => clock.now });
  const served: string[] = [];
  let last = 0;
  const come = (name: string, wanted: Partial<Omit<Named, 'name'>> = {}): string => {
    const { priority = 0, owner = 'one', weight = 1, kind = 'shared' } = wanted;
    const id = String(++last);
    const run = (): Promise<void> => {
      served.push(name);
      return Promise.resolve();
    };
    queue.enqueue(run, { id, waiter: { name, priority, owner, weight, since: clock.now, nth: last, kind } });
    return id;
  };
  const serve = (times = Infinity): string[] => {
    served.length = 0;
    for (let n = 0; n < times && queue.size > 0; n++) void queue.dequeue()?.();
    return [...served];
  };
  return { queue, clock, come, serve };
}

describe('the order of those who wait', () => {
  it('is that of arrival among equals, also within one moment', () => {
    const { come, serve } = queueOf();
    for (const name of ['a', 'b', 'c']) come(name);
    expect(serve()).toEqual(['a', 'b', 'c']);
  });

  it('has the more urgent first, however late they came', () => {
    const { come, serve } = queueOf();
    for (const [name, priority] of Object.entries({ low: 0, high: 2, normal: 1, critical: 3 })) {
      come(name, { priority });
    }
    expect(serve()).toEqual(['critical', 'high', 'normal', 'low']);
  });

  it('makes more urgent who has waited: one priority for each time of aging', () => {
    const { clock, come, serve } = queueOf();
    come('old and low');
    clock.now = 99;
    come('normal', { priority: 1 });
    expect(serve(1)).toEqual(['normal']);
    clock.now = 100;
    come('normal, later', { priority: 1 });
    expect(serve()).toEqual(['old and low', 'normal, later']);
  });

  it('starves nobody: the least urgent is served while more urgent ones keep coming', () => {
    const { clock, come, serve } = queueOf();
    come('low');
    const order: string[] = [];
    for (let n = 0; n < 20 && !order.includes('low'); n++) {
      for (const twin of [1, 2]) come(`critical ${n}.${twin}`, { priority: 3 });
      clock.now += 50;
      order.push(...serve(1));
    }
    expect(order.at(-1)).toBe('low');
    // it came as early as a critical one of 300 ms later
    expect(order).toHaveLength(12);
  });

  it('lets owners take turns, however many each has', () => {
    const { come, serve } = queueOf();
    for (const name of ['a1', 'a2', 'a3', 'a4']) come(name, { owner: 'a' });
    for (const name of ['b1', 'b2']) come(name, { owner: 'b' });
    expect(serve()).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'a4']);
  });

  it('gives an owner of twice the weight two turns for one', () => {
    const { come, serve } = queueOf();
    for (let n = 0; n < 30; n++) {
      come('a', { owner: 'a', weight: 2 });
      come('b', { owner: 'b', weight: 1 });
    }
    const first = serve(30);
    expect(first.filter((name) => name === 'a')).toHaveLength(20);
  });

  it('lets owners take turns however long some of them have waited', () => {
    const { clock, come, serve } = queueOf();
    for (let n = 0; n < 90; n++) come('a', { owner: 'a' });
    clock.now = 1_100;
    for (let n = 0; n < 5; n++) come('b', { owner: 'b' });
    expect(serve(10).filter((name) => name === 'b')).toHaveLength(5);
  });

  it('keeps the turns of each priority apart', () => {
    const { come, serve } = queueOf();
    for (let n = 0; n < 60; n++) {
      come('b', { owner: 'b', weight: 3 });
      come('c', { owner: 'c' });
    }
    const order: string[] = [];
    for (let n = 0; n < 40; n++) {
      come('a', { owner: 'a', priority: 3 });
      order.push(...serve(2));
    }
    expect(order.filter((name) => name === 'a')).toHaveLength(40);
    expect(order.filter((name) => name === 'b')).toHaveLength(30);
  });

  it('gives nobody turns for the time it was not there, and none for leaving and coming back', () => {
    const { come, serve } = queueOf();
    for (let n = 0; n < 10; n++) come('a', { owner: 'a' });
    serve(6);
    for (let n = 0; n < 4; n++) come('b', { owner: 'b' });
    expect(serve()).toEqual(['b', 'a', 'b', 'a', 'b', 'a', 'b', 'a'].slice(0, 8));
    const again = queueOf();
    for (const name of ['b', 'b', 'b']) again.come(name, { owner: 'b' });
    const order: string[] = [];
    for (let n = 0; n < 3; n++) {
      again.come('a', { owner: 'a' });
      order.push(...again.serve(2));
    }
    expect(order.filter((name) => name === 'b')).toHaveLength(3);
  });

  it('goes on behind one for whom there is nothing, who keeps its place', () => {
    let isWhole = false;
    const { queue, come, serve } = queueOf((kind) => kind !== 'whole' || isWhole);
    come('whole', { kind: 'whole' });
    come('part');
    expect(serve()).toEqual(['part']);
    expect(queue.length).toBe(1);
    expect(queue.front()?.name).toBe('whole');
    come('part, later');
    isWhole = true;
    expect(serve()).toEqual(['whole', 'part, later']);
  });

  it('forgets one who leaves', () => {
    const { queue, come, serve } = queueOf();
    come('a');
    const id = come('b');
    come('c');
    queue.remove(id);
    queue.remove('nobody');
    expect(queue.length).toBe(2);
    expect(serve()).toEqual(['a', 'c']);
    expect(queue.oldest).toBeUndefined();
  });

  it('can be told beforehand, and that changes nothing', () => {
    const { queue, clock, come, serve } = queueOf();
    for (const name of ['a1', 'a2', 'a3']) come(name, { owner: 'a' });
    clock.now = 10;
    for (const name of ['b1', 'b2']) come(name, { owner: 'b', priority: 1 });
    const told = queue.inOrder(100).map(({ name }) => name);
    expect(queue.oldest).toBe(0);
    expect(queue.inOrder(2)).toHaveLength(2);
    expect(serve()).toEqual(told);
  });
});

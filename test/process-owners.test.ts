import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tmpdir } from 'node:os';
import { ChromeBrowser } from '../src/chrome/browser.js';
import { ProcessOwners, type OwnedTarget, type Owner } from '../src/chrome/process-owners.js';
import { residentOf, timesOf } from '../src/chrome/resident.js';
import { TargetSessions } from '../src/chrome/target-sessions.js';
import { chromeExecutable, testKind } from './support/chrome.js';
import { eventually } from './support/eventually.js';

const MB = 1024 * 1024;
const within = 15_000;

describe('what /proc says', () => {
  it('is what Node knows of its own process', () => {
    const mine = residentOf(process.pid)!;
    const rss = process.memoryUsage.rss();
    expect(Math.abs(mine.own + mine.shared - rss) / rss).toBeLessThan(0.2);
    const { ticks } = timesOf(process.pid)!;
    const { user, system } = process.cpuUsage();
    expect(Math.abs(ticks / 100 - (user + system) / 1e6)).toBeLessThan(1);
  });

  it('is nothing for a process that is not there', () => {
    expect(residentOf(2 ** 30)).toBeUndefined();
    expect(timesOf(2 ** 30)).toBeUndefined();
  });
});

describe('the processes of pages in contexts of their own', () => {
  let chrome: ChromeBrowser;
  let sessions: TargetSessions;
  let owners: ProcessOwners;

  beforeAll(async () => {
    const executable = { path: chromeExecutable(), kind: testKind(), source: 'option' as const, env: {} };
    const options = { executable, extraFlags: [], tmpDir: tmpdir(), noSandbox: true, baseEnv: process.env };
    chrome = await ChromeBrowser.launch(options, () => undefined);
    sessions = new TargetSessions(chrome.connection);
    owners = new ProcessOwners(chrome.pid!, processTime);
  });
  afterAll(async () => {
    owners.close();
    await chrome.close(2_000);
  });

  /** Waits until there is a session on each page by which it can be asked. */
  const follow = (pages: readonly OwnedTarget[]): Promise<void> => {
    const ids = new Set(pages.map(({ targetId }) => targetId));
    return eventually(
      async () => {
        sessions.follow(ids);
        const times = await Promise.all(pages.map(({ targetId }) => processTime(targetId)));
        return times.every((one) => one !== undefined);
      },
      { within, what: 'an own session on each page' },
    );
  };

  const processTime = async (targetId: string): Promise<number | undefined> => {
    const answer = await sessions.ask(targetId, 'Performance.getMetrics', undefined, 1_000);
    return answer?.metrics.find(({ name }) => name === 'ProcessTime')?.value;
  };

  const openPage = async (id: string): Promise<OwnedTarget & { sessionId: string }> => {
    const { connection } = chrome;
    const owner: Owner = { id, openedAt: performance.now() };
    const { browserContextId } = await connection.request('Target.createBrowserContext', {}, '');
    const { targetId } = await connection.request(
      'Target.createTarget',
      { url: 'about:blank', browserContextId },
      '',
    );
    const { sessionId } = await connection.request('Target.attachToTarget', { targetId, flatten: true }, '');
    return { owner, targetId, sessionId, movedAt: performance.now() };
  };

  /** Arrays of so many MB that the page keeps. */
  const hold = (sessionId: string, mb: number): Promise<unknown> => {
    const expression = `globalThis.kept=Array.from({length:${mb}},()=>new Array(131072).fill(Math.random()));1`;
    return chrome.connection.request('Runtime.evaluate', { expression }, sessionId);
  };

  it('are found by what each has done, also when one of them is stuck in a loop', async () => {
    const pages: (OwnedTarget & { sessionId: string })[] = [];
    for (const id of ['a', 'b', 'c', 'd']) pages.push(await openPage(id));
    await follow(pages);
    for (const [nth, { sessionId }] of pages.entries()) await hold(sessionId, 40 * (nth + 1));
    const stuck = pages[2]!;
    void chrome.connection
      .request('Runtime.evaluate', { expression: 'for(;;);' }, stuck.sessionId)
      .catch(() => undefined);
    const found = (): (string | undefined)[] => {
      const large = [...owners.processes]
        .filter(({ own }) => own > 45 * MB)
        .sort((one, other) => one.own - other.own);
      return large.map(({ owner }) => owner?.id);
    };
    await eventually(
      async () => {
        owners.look();
        await owners.identify(pages, { urgent: new Set(), lost: new Set() });
        return found().filter(Boolean).length === 4;
      },
      { within, what: 'an owner for each process' },
    );
    // each holds more than the one before, which is what tells them apart here
    expect(found()).toEqual(['a', 'b', 'c', 'd']);
    const process = [...owners.processes].find(({ owner }) => owner === stuck.owner)!;
    expect([...process.targetIds]).toEqual([stuck.targetId]);
    expect(process.own).toBeGreaterThan(120 * MB);
    await chrome.connection.request('Target.closeTarget', { targetId: stuck.targetId }, '');
    await eventually(
      () => {
        owners.look();
        return ![...owners.processes].some(({ pid }) => pid === process.pid);
      },
      { within, what: 'the end of the process of a closed page' },
    );
  }, 60_000);

  it('are not found by what a page says whose own process has ended since', async () => {
    const heavy = (): number[] =>
      [...owners.processes].filter(({ own }) => own > 45 * MB).map(({ pid }) => pid);
    owners.look();
    const others = new Set(heavy());
    const [dying, large] = [await openPage('dying'), await openPage('large')];
    const work = async ({ sessionId }: { sessionId: string }, ms: number): Promise<void> => {
      const expression = `for (const end = Date.now() + ${ms}; Date.now() < end; );`;
      await chrome.connection.request('Runtime.evaluate', { expression }, sessionId);
    };
    const used = (): Map<number, number> => {
      owners.look();
      return new Map([...owners.processes].map((one) => [one.pid, timesOf(one.pid)?.ticks ?? 0]));
    };
    const idle = used();
    await work(dying, 300);
    const more = [...used()].map(([one, ticks]) => [one, ticks - (idle.get(one) ?? 0)] as const);
    const [itsPid] = more.sort(([, one], [, other]) => other - one)[0]!;
    await hold(large.sessionId, 60);
    // it has used no less than the other, whose answer its time is taken for
    await work(large, 900);
    let pid = 0;
    await eventually(
      () => {
        owners.look();
        pid = heavy().find((one) => !others.has(one)) ?? 0;
        return pid !== 0;
      },
      { within, what: 'the process of the large page' },
    );
    await follow([dying]);
    const crash = async (): Promise<void> => {
      void chrome.connection.request('Page.crash', {}, dying.sessionId).catch(() => undefined);
      await eventually(
        () => {
          owners.look();
          // not by their number: what was before may end meanwhile
          return [...owners.processes].every((one) => one.pid !== itsPid);
        },
        { within, what: 'the end of its process' },
      );
    };
    // by chance both have used the same, and the one that answered is gone when its answer is read
    const watched = new ProcessOwners(chrome.pid!, async () => {
      await crash();
      return timesOf(pid)!.ticks / 100;
    });
    watched.look();
    await watched.identify([dying], { urgent: new Set([pid]), lost: new Set() });
    expect([...watched.processes].find((one) => one.pid === pid)).toMatchObject({ owner: undefined });
    watched.close();
  }, 60_000);
});

import { colourOf } from '../site.js';
import type { Actor } from './cast.js';

/** What an actor's result holds whatever Chrome did: keeps a comparison of two equal failures from passing. */
export function literally({ tag, name }: Actor): Record<string, unknown> {
  const common = {
    screenshot: { width: 640, height: 480, pixel: colourOf(tag) },
    pdf: { start: '%PDF', large: true },
    cookies: {
      before: ['client', 'script', 'served', 'short'].map((cookie) => `${cookie}=${tag}`),
      inPage: [`script=${tag}`, `served=${tag}`],
    },
    storage: { before: null, after: { who: tag } },
    heard: [[tag], []],
    titleStays: `home of ${tag}`,
    cookiesStay: ['client', 'script', 'served'].map((cookie) => `${cookie}=${tag}`),
    download: { suggestedFilename: `${tag}.bin`, url: `site:/${tag}/file`, text: `file of ${tag}\n` },
  };
  const clicks = { title: `home of ${tag}`, sum: 42, count: '2' };
  const popup = { said: 'hello from the popup', closed: true };
  const frame = { host: 'localhost', message: `frame of ${tag}` };
  const serviceWorker = { url: `site:/${tag}/service.js`, owner: tag, reply: `service of ${tag}` };
  const worker = { worked: `${tag} 21`, owner: tag };
  const replies = {
    data: { from: 'client', tag },
    aborted: 'Failed to fetch',
    passed: `file of ${tag}\n`,
  };
  const asked = ['data.json', 'missing', 'file'].map((page) => `/${tag}/${page}`);
  const afterwards = { from: 'server', tag };
  const all = { ...common, serviceWorker, worker };
  if (name.startsWith('chrome-remote-interface')) {
    return {
      ...all,
      atFirst: ['page about:blank'],
      clicks: { ...clicks, form: 'name=Gr%C3%BC%C3%9Fe&size=S' },
      popup: { ...popup, type: 'page', url: `site:/${tag}/popup` },
      frame: { ...frame, type: 'iframe', clicked: 'clicked localhost' },
      intercepted: { asked, replies, afterwards },
      exposed: { name: 'ask', payload: `who? ${tag}` },
      ...(name.includes('browser') ? criBrowser(tag) : {}),
    };
  }
  const own = { fresh: { cookie: '', keys: [] }, set: { cookie: `second=${tag}`, keys: ['second'] } };
  return {
    ...all,
    clicks: { ...clicks, status: 200 },
    form: 'name=Gr%C3%BC%C3%9Fe&size=L',
    popup: { ...popup, title: `popup of ${tag}`, openerIsPage: true },
    frame: { ...frame, button: 'clicked localhost', frames: [`site:/${tag}/frames`, `other:/${tag}/far`] },
    intercepted: { asked, ...replies, afterwards },
    context: { ...own, held: [`second=${tag}`], pages: 1 },
    ...(name.startsWith('puppeteer') ? puppeteer(tag) : playwright(tag)),
  };
}

function puppeteer(tag: string): Record<string, unknown> {
  const home = `site:/${tag}/home`;
  return {
    atFirst: {
      pages: ['about:blank'],
      targets: ['browser ', 'page about:blank'],
      contexts: [['about:blank']],
    },
    exposed: `${tag} was asked: who?`,
    whileAllIsOpen: {
      pages: ['about:blank', `site:/${tag}/empty`, home, home],
      contexts: [['about:blank', home, home], [`site:/${tag}/empty`]],
    },
    afterClosing: { pages: ['about:blank', home], contexts: [['about:blank', home]] },
    downloads: [`began ${tag}.bin`, 'completed'],
  };
}

function playwright(tag: string): Record<string, unknown> {
  const home = `site:/${tag}/home`;
  const serviceWorkers = [`site:/${tag}/service.js`];
  return {
    atFirst: [{ pages: ['about:blank'], serviceWorkers: [] }],
    exposed: [`${tag} was asked: who?`, `site:/${tag}/empty`],
    whileAllIsOpen: [
      { pages: ['about:blank', home, home], serviceWorkers },
      { pages: [`site:/${tag}/empty`], serviceWorkers: [] },
    ],
    afterClosing: [{ pages: ['about:blank', home], serviceWorkers }],
    downloads: [`began ${tag}.bin`, 'completed', `began ${tag}.bin`, 'completed'],
  };
}

function criBrowser(tag: string): Record<string, unknown> {
  return {
    browser: {
      fresh: { cookie: '', keys: [] },
      file: { suggestedFilename: `${tag}.bin`, state: 'completed', text: `file of ${tag}\n` },
      held: [`second=${tag}`],
      info: { type: 'page', attached: true, inContext: true },
      unknown: 'No target with given id found',
    },
    browserWhileAllIsOpen: { contexts: 2 },
    browserAfterClosing: { contexts: 1 },
  };
}

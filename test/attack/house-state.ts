import type { Message } from '../support/cdp-client.js';
import { SECRET } from './living.js';

/** What a page has, sees and can do. */
export const stateOfPage = `(async () => ({
  title: document.title, url: location.href, cookie: document.cookie,
  local: { ...localStorage }, session: { ...sessionStorage },
  caches: await Promise.all((await caches.keys()).map(async (name) =>
    [name, (await (await caches.open(name)).keys()).map(({ url }) => url)])),
  databases: (await indexedDB.databases()).map(({ name }) => name),
  workers: (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => scope).sort(),
  location: (await navigator.permissions.query({ name: 'geolocation' })).state,
  notifications: (await navigator.permissions.query({ name: 'notifications' })).state,
  size: [innerWidth, innerHeight, devicePixelRatio], agent: navigator.userAgent, language: navigator.language,
  zone: Intl.DateTimeFormat().resolvedOptions().timeZone, online: navigator.onLine,
  dark: matchMedia('(prefers-color-scheme: dark)').matches, visible: document.visibilityState,
  nodes: document.querySelectorAll('*').length, heard: window.heard?.filter((text) => text !== '${SECRET}').length ?? 0,
}))()`;

/** Fills a page's storage, and gives it nodes and a frame. */
export const keepThings = `(async () => {
  localStorage.secret = sessionStorage.secret = '${SECRET}';
  document.cookie = 'mine=${SECRET};path=/';
  await (await caches.open('shelf')).put('/${SECRET}', new Response('${SECRET}'));
  await new Promise((done, fail) => {
    const opening = indexedDB.open('${SECRET}');
    opening.onupgradeneeded = () => opening.result.createObjectStore('things').put('${SECRET}', 1);
    opening.onsuccess = () => { opening.result.close(); done(); };
    opening.onerror = fail;
  });
  document.body.append(...Array.from({ length: 400 }, () => document.createElement('i')));
  await new Promise((done) => {
    const frame = document.createElement('iframe');
    frame.src = 'empty';
    frame.onload = done;
    document.body.append(frame);
  });
})()`;

/** Chrome lists targets in whatever order it has them. */
export function sorted(result: Message['result']): unknown {
  const infos = result?.['targetInfos'];
  if (!Array.isArray(infos)) return result;
  return (infos as { targetId: string }[]).sort((a, b) => (a.targetId < b.targetId ? -1 : 1));
}

/** Events that the looks cause by themselves, or the download that never ends. */
export function isOwnDoing({ method, params }: Message): boolean {
  if (method === 'Debugger.scriptParsed') return true;
  return (method ?? '').endsWith('.downloadProgress') && params?.['state'] === 'inProgress';
}

/** Where two texts differ, with a little around it. */
export function difference(a: string, b: string): string {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const from = Math.max(0, at - 40);
  return `${a.slice(from, at + 60)} became ${b.slice(from, at + 60)}`;
}

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
// first: the others and it import each other
import { rulesFor } from '../src/virtual/rules.js';
import type { Audience } from '../src/virtual/catalogue-entry.js';

/** What of the protocol's JSON this needs. */
interface Parameter {
  name: string;
  type?: string;
  $ref?: string;
  items?: { $ref?: string };
}
interface Domain {
  domain: string;
  types?: { id: string; properties?: Parameter[] }[];
  commands: { name: string; parameters?: Parameter[] }[];
}

const require = createRequire(import.meta.url);
const domains = ['browser_protocol', 'js_protocol'].flatMap((file) => {
  const text = readFileSync(require.resolve(`devtools-protocol/json/${file}.json`), 'utf8');
  return (JSON.parse(text) as { domains: Domain[] }).domains;
});

/** Commands with a parameter, at whatever depth, whose name says that it is a URL, a file or a path. */
function withUrlsOrPaths(): string[] {
  const types = new Map<string, { properties?: Parameter[] }>(
    domains.flatMap(({ domain, types = [] }) => types.map((type) => [`${domain}.${type.id}`, type] as const)),
  );
  const names = (parameters: Parameter[] = [], domain: string, seen: readonly string[] = []): string[] =>
    parameters.flatMap(({ name, $ref, items }) => {
      const ref = $ref ?? items?.$ref;
      const id = ref === undefined || ref.includes('.') ? ref : `${domain}.${ref}`;
      if (id === undefined || seen.includes(id)) return [name];
      const owner = id.slice(0, id.indexOf('.'));
      return [name, ...names(types.get(id)?.properties, owner, [...seen, id])];
    });
  return domains
    .flatMap(({ domain, commands }) =>
      commands
        .filter(({ parameters }) =>
          names(parameters, domain).some((name) => /ur[li]s?$|^files?$|path$|directory/i.test(name)),
        )
        .map(({ name }) => `${domain}.${name}`),
    )
    .sort();
}

/** Why those without a rule here need none: nothing is loaded, opened, read or written by what they name. */
const harmless: Record<string, string> = {
  'Browser.addPrivacySandboxEnrollmentOverride': 'a site that is believed to be enrolled',
  'CacheStorage.requestCachedResponse': 'of what a page has cached',
  'Cast.enable': 'an app on a receiver',
  'DOM.pushNodeByPathToFrontend': 'a path in the document',
  'DOMDebugger.removeXHRBreakpoint': 'a part of URLs that are looked for',
  'DOMDebugger.setXHRBreakpoint': 'a part of URLs that are looked for',
  'Debugger.setBreakpointByUrl': 'a script that a page has loaded',
  'Network.deleteCookies': 'cookies of a URL',
  'Network.getCookies': 'cookies of URLs',
  'Network.setBlockedURLs': 'patterns',
  'Network.setCookie': 'a cookie of a URL',
  'Network.setCookies': 'cookies of URLs',
  'Page.addCompilationCache': 'the script that it is for',
  'Page.deleteCookie': 'cookies of a URL',
  'Page.getResourceContent': 'of what a page has loaded',
  'Page.produceCompilationCache': 'scripts that a page has loaded',
  'Page.searchInResource': 'in what a page has loaded',
  'Runtime.compileScript': 'a name for a script that is given',
  'ServiceWorker.skipWaiting': 'a worker that a page has registered',
  'ServiceWorker.startWorker': 'a worker that a page has registered',
  'ServiceWorker.unregister': 'a worker that a page has registered',
  'ServiceWorker.updateRegistration': 'a worker that a page has registered',
  'Storage.setCookies': 'cookies of URLs',
};

/** Those that are looked at, or that nobody may use: at the root and in sessions of targets. */
const looked = (method: string, audience: Audience): boolean =>
  [true, false].every((isBrowser) => rulesFor[audience].of(method, isBrowser) !== undefined);

describe('commands that name URLs, files or paths', () => {
  it.each(['shared', 'stranger'] as const)('are looked at, or have been judged harmless: %s', (audience) => {
    const unseen = withUrlsOrPaths().filter((method) => !looked(method, audience) && !(method in harmless));
    expect(unseen).toEqual([]);
  });

  it('are judged only where the protocol has them', () => {
    const named = withUrlsOrPaths();
    expect(Object.keys(harmless).filter((method) => !named.includes(method))).toEqual([]);
  });
});

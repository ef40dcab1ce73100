import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { readAddress, type Address } from './address.js';
import type { BrowserSocket } from './browser-socket.js';
import { LaunchError } from './launch-error.js';
import { openBrowser } from './open-browser.js';
import type { SharedStart } from './shared-start.js';

const DEFAULT_PORT = '9222';
/** For a cdpmux that is there or is being started, ms: Chrome may have to be unpacked first. */
const FIND_DEADLINE = 60_000;
/** On this very machine, ms. */
const CONNECT_DEADLINE = 2_000;
/** Between two looks at what another one is starting, ms. */
const LOOK_INTERVAL = 15;

/** A virtual browser, and the cdpmux that has it. */
export interface FoundBrowser {
  readonly address: Address;
  readonly socket: BrowserSocket;
}

/** Where to look. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** How to start one that others find. */
  readonly start: () => Promise<SharedStart>;
}

/**
 * Opens a virtual browser in the cdpmux that `CDPMUX_URL` names, else in the one at the port of `CDPMUX_LISTEN_PORT` (9222; 0 for none), else in the one that an
 * earlier program started, else in one started now. Rejects with a LaunchError.
 */
export function findBrowser(surroundings: Surroundings, parameters: URLSearchParams): Promise<FoundBrowser> {
  return find(surroundings, async (address) => ({ address, socket: await openBrowser(address, parameters) }));
}

/** What Chrome there is, as its `/json/version` says: `Chrome/156.0.1.2`. */
export function findVersion(surroundings: Surroundings): Promise<string> {
  return find(surroundings, async (address) => {
    const { get } = await import('./http-get.js');
    const { status, body } = await get(address, '/json/version');
    if (status === 200) return (JSON.parse(body) as { Browser: string }).Browser;
    throw new LaunchError(`${address.url.host} does not tell its version: HTTP ${status} ${body.trim()}`);
  });
}

async function find<T>({ env, start }: Surroundings, use: (address: Address) => Promise<T>): Promise<T> {
  const token = env['CDPMUX_TOKEN'];
  const given = env['CDPMUX_URL'];
  if (given !== undefined && given !== '') return use(readAddress(given, token));
  const port = env['CDPMUX_LISTEN_PORT'] || DEFAULT_PORT;
  if (port !== '0') {
    const standard = readAddress(`ws://127.0.0.1:${port}/`, token);
    if (await isCdpmux(standard)) return use(standard);
  }
  return useShared(await start(), use);
}

async function isCdpmux(address: Address): Promise<boolean> {
  if (!(await isListening(address.url))) return false;
  // A Chrome that listens there has no such path; its refusal must not be taken for a cdpmux without a place.
  const { get } = await import('./http-get.js');
  const { status, body } = await get(address, '/healthz').catch(() => ({ status: 0, body: '' }));
  return status === 200 && body === 'ok\n';
}

/** Mostly nobody is, and that is known before anything that speaks HTTP is loaded. */
function isListening({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    const done = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.setTimeout(CONNECT_DEADLINE, () => done(false));
  });
}

async function useShared<T>(shared: SharedStart, use: (address: Address) => Promise<T>): Promise<T> {
  const deadline = performance.now() + FIND_DEADLINE;
  let [deadUrl, why]: [string | undefined, unknown] = [undefined, undefined];
  for (;;) {
    const url = await shared.url();
    if (url !== undefined && url !== deadUrl) {
      try {
        return await use(readAddress(url, undefined));
      } catch (error) {
        if (!(error instanceof LaunchError && error.isNobodyThere)) throw error;
        // It is stopping, or was killed: the next one writes another address.
        [deadUrl, why] = [url, error];
      }
    } else if (!(await shared.tryStart(deadUrl))) await delay(LOOK_INTERVAL);
    if (performance.now() > deadline) {
      throw new LaunchError(
        `no cdpmux was there within ${FIND_DEADLINE / 1000} s, though one was being started; start one by hand with \`cdpmux\` to see what is wrong.`,
        { cause: why },
      );
    }
  }
}

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The two builds that tests run on. */
export type Kind = 'shell' | 'chrome';

/** A Chrome of one's own, spoken to without cdpmux: what it does is what is expected. */
export interface DirectChrome {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** `ws://127.0.0.1:<port>/devtools/browser/<id>` */
  readonly wsUrl: string;
  readonly pid: number;
  /** Kills all its processes and removes its profile. */
  close(): Promise<void>;
}

const executables: Record<Kind, readonly string[]> = {
  shell: ['/usr/lib/chromium/chromium-headless-shell', '/usr/bin/chrome-headless-shell'],
  chrome: ['/usr/lib/chromium/chromium', '/opt/google/chrome/chrome', '/usr/bin/google-chrome'],
};

/** The kind that `CDPMUX_TEST_KIND` asks for; the headless shell without it. */
export function testKind(): Kind {
  return process.env['CDPMUX_TEST_KIND'] === 'chrome' ? 'chrome' : 'shell';
}

/** The executable of a kind: what tests give to cdpmux too, so that both sides are the same build. */
export function chromeExecutable(kind: Kind = testKind()): string {
  const found = executables[kind].find((path) => existsSync(path));
  if (found === undefined) throw new Error(`no ${kind} found in ${executables[kind].join(', ')}`);
  return found;
}

/** Launches a Chrome with a debugging port and one about:blank page in its default context. */
export async function startChrome({
  kind = testKind(),
  flags = [],
}: { kind?: Kind; flags?: readonly string[] } = {}): Promise<DirectChrome> {
  const profile = await mkdtemp(join(tmpdir(), 'cdpmux-direct-'));
  const child = spawn(
    chromeExecutable(kind),
    [
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      ...(kind === 'chrome' ? ['--headless=new'] : []),
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup',
      ...flags,
      'about:blank',
    ],
    // a group of its own, so that one kill reaches the zygote and every renderer
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  const gone = new Promise<void>((resolve) =>
    child.once('exit', () => resolve()).once('error', () => resolve()),
  );
  const killGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // the group has already ended
    }
  };
  const close = async (): Promise<void> => {
    killGroup();
    await gone;
    // its last children may still be writing while the profile is removed
    await rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  try {
    const wsUrl = await debuggingUrl(child);
    return { url: `http://${new URL(wsUrl).host}`, wsUrl, pid: child.pid ?? -1, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function debuggingUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const deadline = setTimeout(() => fail('said no debugging port within 20 s'), 20_000);
    const fail = (why: string): void => {
      clearTimeout(deadline);
      reject(new Error(`Chrome ${why}: ${said.slice(-2000)}`));
    };
    // the listener stays: a full stderr pipe would block Chrome
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-20_000);
      const url = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
      if (url === undefined) return;
      clearTimeout(deadline);
      resolve(url);
    });
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`ended with ${code}`));
  });
}

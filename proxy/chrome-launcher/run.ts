import type { BrowserSocket } from './browser-socket.js';
import type { BrowserWish } from './command-line.js';
import { endOf, type End } from './end.js';
import { findBrowser, type Surroundings } from './find-cdpmux.js';
import { leftOutText } from './left-out.js';
import { openPipes, PipeBridge } from './pipe-bridge.js';
import type { PortServer } from './port-server.js';
import { hasProfile, writeActivePort } from './user-data-dir.js';

/** How often it is looked whether the program that launched this is still there, ms. */
const PARENT_INTERVAL = 250;

/** What a launch needs of the process it is in. */
export interface Host extends Surroundings {
  readonly say: (line: string) => void;
  /** The process that launched this one, now. */
  readonly parent: () => number;
  /** Aborted by a signal. */
  readonly signal: AbortSignal;
}

/** Serves one virtual browser until it ends; rejects with a LaunchError when there is none to be had. */
export async function run(wish: BrowserWish, host: Host): Promise<End> {
  const { parameters, leftOut, userDataDir } = wish;
  const parent = host.parent();
  const pipes = wish.speaks.kind === 'pipe' ? openPipes() : undefined;
  // loaded while cdpmux makes the browser
  const serving = pipes ? undefined : load();
  // where there is no browser nobody asks for it
  serving?.catch(() => undefined);
  const { socket, address } = await findBrowser(host, parameters);
  const ended = endOfSocket(socket);
  if (wish.speaks.kind === 'pipe' && pipes) {
    const fault = new Promise<End>((resolve) => {
      new PipeBridge(socket, pipes, ({ message }) => resolve({ code: 1, message }));
    });
    const hungUp = new Promise<End>((resolve) => {
      for (const pipe of [pipes.commands, pipes.answers]) pipe.on('error', () => resolve({ code: 0 }));
      pipes.commands.once('end', () => resolve({ code: 0 }));
      pipes.commands.once('close', () => resolve({ code: 0 }));
    });
    await tellLeftOut(leftOut, userDataDir, host);
    const end = await Promise.race([ended, fault, hungUp, aborted(host.signal)]);
    await flushed(pipes.answers);
    await closed(socket, ended);
    return end;
  }
  const port = wish.speaks.kind === 'port' ? wish.speaks.port : 0;
  const { Holder, PortServer } = await (serving ?? load());
  const holder = new Holder(socket);
  void ended.then(() => holder.close());
  const server = await PortServer.listen(address, holder, port);
  if (userDataDir !== undefined && userDataDir !== '')
    await writeActivePort(userDataDir, server.port, server.path);
  host.say(`\nDevTools listening on ws://127.0.0.1:${server.port}${server.path}\n`);
  await tellLeftOut(leftOut, userDataDir, host);
  const end = await Promise.race([ended, aborted(host.signal), abandoned(parent, host, server)]);
  await closed(socket, ended);
  return end;
}

async function tellLeftOut(
  leftOut: readonly string[],
  userDataDir: string | undefined,
  host: Host,
): Promise<void> {
  const more = userDataDir && (await hasProfile(userDataDir)) ? [`the profile in ${userDataDir}`] : [];
  const all = [...leftOut, ...more];
  if (all.length > 0) host.say(`cdpmux-chrome: ${leftOutText(all)}\n`);
}

function endOfSocket(socket: BrowserSocket): Promise<End> {
  return new Promise((resolve) => {
    socket.onClose = (code, reason) => resolve(endOf(code, reason));
  });
}

function aborted(signal: AbortSignal): Promise<End> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve({ code: 0 });
    else signal.addEventListener('abort', () => resolve({ code: 0 }), { once: true });
  });
}

/** A Chrome with a port outlives who launched it; here it ends when nobody is connected any more either. */
function abandoned(parent: number, host: Host, server: PortServer): Promise<End> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (host.parent() === parent || server.isUsed) return;
      clearInterval(timer);
      resolve({ code: 0 });
    }, PARENT_INTERVAL);
  });
}

/** For the program to take what was answered already, ms. */
const FLUSH_DEADLINE = 1_000;

function flushed(answers: { end(done: () => void): unknown; readonly destroyed: boolean }): Promise<void> {
  return within((done) => (answers.destroyed ? done() : answers.end(done)));
}

function closed(socket: BrowserSocket, ended: Promise<End>): Promise<void> {
  return within((done) => {
    void ended.then(done);
    socket.close();
  });
}

function within(begin: (done: () => void) => unknown): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, FLUSH_DEADLINE);
    begin(() => {
      clearTimeout(late);
      resolve();
    });
  });
}

async function load() {
  const [{ PortServer }, { Holder }] = await Promise.all([import('./port-server.js'), import('./holder.js')]);
  return { PortServer, Holder };
}

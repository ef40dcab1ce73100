import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import type { ChromeExecutable } from '../../src/index.js';
import { startCdpmux, type RunningCdpmux } from '../cdpmux.js';
import { projectRoot } from '../paths.js';
import type { Asked, Told } from './eye-messages.js';

/** How long cdpmux may take to look at itself, ms: a collection on a busy machine. */
const PATIENCE = 150_000;
/** pino's number of the level. */
const ERROR = 50;

/** A cdpmux in a process of its own, run by its own program, that can be asked what it holds. */
export class SoakedCdpmux {
  readonly #running: RunningCdpmux;
  readonly #config: string;
  readonly #settings: object;
  /** What it has logged as an error, and its end if that came by itself. */
  readonly errors: string[] = [];
  #state: 'running' | 'closing' = 'running';

  private constructor(running: RunningCdpmux, config: string, settings: object) {
    this.#running = running;
    this.#config = config;
    this.#settings = settings;
    const { child } = running;
    if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => this.#onLine(line));
    child.once('exit', (code, signal) => {
      if (this.#state === 'running') this.errors.push(`cdpmux ended by itself: ${code ?? signal}`);
    });
  }

  /** Starts one with profiles in a directory and these settings (nested, as in its file). */
  static async start(
    executable: ChromeExecutable,
    directory: string,
    settings: object,
  ): Promise<SoakedCdpmux> {
    const config = join(directory, 'soak.json');
    await writeFile(config, JSON.stringify(settings));
    const eye = join(projectRoot, 'dist/bench/soak/eye.js');
    const running = await startCdpmux(executable, { tmpDir: directory, config, eye });
    return new SoakedCdpmux(running, config, settings);
  }

  get url(): string {
    return this.#running.url;
  }

  get wsUrl(): string {
    return this.#running.wsUrl;
  }

  get pid(): number {
    return this.#running.pid;
  }

  get lives(): boolean {
    return this.#running.child.exitCode === null && this.#running.child.signalCode === null;
  }

  /** What its process holds. */
  async look(asked: Asked): Promise<Told> {
    const signal = AbortSignal.timeout(PATIENCE);
    const told = once(this.#running.child, 'message', { signal });
    this.#running.child.send(asked);
    return ((await told) as [Told])[0];
  }

  /** Has it keep browsers ready or not, by its file and a reload. */
  async keepsReady(enabled: boolean): Promise<void> {
    await writeFile(this.#config, JSON.stringify({ ...this.#settings, stock: { enabled } }));
    const response = await fetch(`${this.url}/api/v1/reload`, { method: 'POST' });
    const said = await response.text();
    if (!response.ok) this.errors.push(`reload: ${response.status} ${said}`);
  }

  async close(): Promise<void> {
    this.#state = 'closing';
    await this.#running.close();
  }

  #onLine(line: string): void {
    if (!line.startsWith('{')) {
      if (line.trim() !== '') this.errors.push(`cdpmux said: ${line}`);
      return;
    }
    const { level, msg, ...fields } = JSON.parse(line) as { level: number; msg: string };
    if (level >= ERROR) this.errors.push(`cdpmux logged: ${msg} ${JSON.stringify(fields)}`);
  }
}

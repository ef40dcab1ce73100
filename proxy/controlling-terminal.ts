import { closeSync, openSync } from 'node:fs';

/**
 * The terminal that this process was started from, if any. SIGHUP has two meanings: the terminal was closed, upon
 * which a process ends, and, by the custom of servers, "read your configuration anew". The kernel takes the terminal
 * away before it sends the first kind, and only then.
 */
export class ControllingTerminal {
  readonly #path: string;
  readonly #wasThere: boolean;

  constructor(path = '/dev/tty') {
    this.#path = path;
    this.#wasThere = this.#isThere();
  }

  /** Whether there was one and is none any more. */
  isLost(): boolean {
    // Windows sends it for a closed console only.
    return process.platform === 'win32' || (this.#wasThere && !this.#isThere());
  }

  #isThere(): boolean {
    try {
      closeSync(openSync(this.#path, 'r'));
      return true;
    } catch {
      return false;
    }
  }
}

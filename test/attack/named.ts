import type { Attack } from './arena.js';
import { escape } from './escape.js';
import { http } from './http.js';
import { listening } from './listening.js';
import { machine } from './machine.js';

/** The attacks that have a name, beside every command with every id. */
export const named: readonly Attack[] = [...listening, ...machine, ...escape, ...http];

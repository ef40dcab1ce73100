import { browserRules } from './rules-browser.js';
import type { Rule } from './rule.js';
import { fileRules } from './rules-files.js';
import { storageRules } from './rules-storage.js';
import { targetRules } from './rules-target.js';
import { urlRules } from './rules-url.js';

/** Commands that need more than passing on, at the root and in every session alike; all others pass. */
export const rules: ReadonlyMap<string, Rule> = new Map(
  Object.entries({ ...targetRules, ...browserRules, ...storageRules, ...urlRules, ...fileRules }),
);

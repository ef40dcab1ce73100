import { free, levels, scope, type CommandEntry } from './catalogue-entry.js';
import { objectParams, type Rule, type Unchecked } from './rule.js';
import { notFound } from './rules-refused.js';
import { refuseTenant } from './rules-url.js';

const CTRL_OR_META = 2 | 4;
const SHIFT = 8;
const KEY_V = 86;
const KEY_INSERT = 45;

/**
 * A key press pastes without any permission, and what it pastes is whatever the last copy in the whole Chrome was,
 * a neighbour's too. Chrome goes by the Windows key code and the modifiers, or by the editing command that is named.
 */
function pastes({ commands, windowsVirtualKeyCode: code, modifiers }: Unchecked): boolean {
  if (Array.isArray(commands) && commands.some((one) => typeof one === 'string' && /paste/i.test(one))) {
    return true;
  }
  if (typeof modifiers !== 'number') return false;
  if (code === KEY_V) return (modifiers & CTRL_OR_META) !== 0;
  return code === KEY_INSERT && (modifiers & SHIFT) !== 0;
}

const dispatchKeyEvent: Rule = (session, incoming) => {
  if (session.client.virtual.policy && pastes(objectParams(incoming))) {
    const why =
      'pasting is not available here, because the clipboard is one for all of this Chrome; use Input.insertText';
    refuseTenant(session, incoming, why);
  } else session.client.forward(session, incoming);
};

/** Key presses of strangers do not paste. */
export const keyEvents: CommandEntry = levels(
  notFound,
  scope('for strangers none that paste', dispatchKeyEvent, free),
);

import { inContext, type Rule } from './rule.js';

/** In a page's session these take the page's own context, and Chrome refuses any other. */
export const storageRules: Record<string, Rule> = {
  'Storage.getCookies': inContext('browser sessions'),
  'Storage.setCookies': inContext('browser sessions'),
  'Storage.clearCookies': inContext('browser sessions'),
};

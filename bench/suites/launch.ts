import { launch } from '../launch.js';
import type { Suite } from '../suite.js';

/** `puppeteer.launch` with a Chrome and with cdpmux-chrome. */
export const launchSuite: Suite = {
  name: 'launch',
  measures: 'puppeteer.launch with a Chrome and with cdpmux-chrome, of both kinds',
  run: (run) => launch({ rounds: run.number('rounds'), closers: run.closers }),
};

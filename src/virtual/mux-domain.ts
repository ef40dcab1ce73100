import type { VirtualLimits } from './limits.js';
import { batchCommand, batchTypes } from './mux-batch-domain.js';

/** What `Mux.getInfo` answers; `muxDomain` describes it to clients. */
export interface MuxInfo {
  readonly version: string;
  readonly virtualBrowserId: string;
  readonly browserId: string;
  readonly product: string;
  readonly mode: 'shared' | 'exclusive';
  readonly pool: string;
  readonly tenant: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly limits: VirtualLimits;
  readonly endsAt?: number;
}

/** The part of it that a virtual browser does not know of itself. */
export type About = Pick<MuxInfo, 'version' | 'browserId' | 'product' | 'mode' | 'pool' | 'labels'>;

const text = { type: 'string' } as const;
const limit = (name: Exclude<keyof VirtualLimits, 'batch'>, description: string) =>
  ({ name, type: 'integer', description }) as const;

/** The domain that cdpmux adds to the protocol, in the form of Chrome's own description of it. */
export const muxDomain = {
  domain: 'Mux',
  description:
    'What cdpmux, through which this client speaks to a shared Chrome, tells of itself. A Chrome without cdpmux does not have this domain.',
  types: [
    {
      id: 'Limits',
      type: 'object',
      description: 'What this virtual browser and each of its clients may have.',
      properties: [
        limit('pending', "Commands of one client that wait for Chrome's answer."),
        limit('targets', 'Pages of the virtual browser.'),
        limit('contexts', 'BrowserContexts of the virtual browser, beside its default one.'),
        limit('sessions', 'CDP sessions of the virtual browser.'),
        limit('autoAttach', 'Browser-level sessions of the virtual browser that auto-attach.'),
        { name: 'batch', $ref: 'BatchLimits' },
      ],
    },
    ...batchTypes,
  ],
  commands: [
    {
      name: 'getInfo',
      description:
        'Tells where this client is: in which virtual browser of which Chrome, and with what rights.',
      returns: [
        { name: 'version', ...text, description: 'The version of cdpmux.' },
        {
          name: 'virtualBrowserId',
          ...text,
          description: 'The id of the virtual browser, as in /devtools/browser/<id>.',
        },
        {
          name: 'browserId',
          ...text,
          description: 'The id of the Chrome that it is in, as in /api/v1/browsers.',
        },
        { name: 'product', ...text, description: 'What that Chrome is, as in Browser.getVersion.' },
        {
          name: 'mode',
          ...text,
          enum: ['shared', 'exclusive'],
          description: 'Whether that Chrome has others in it.',
        },
        {
          name: 'pool',
          ...text,
          description: 'The pool of that Chrome; default for the one without a name.',
        },
        {
          name: 'tenant',
          ...text,
          description: "The name of the client's token; empty where none is needed.",
        },
        {
          name: 'labels',
          type: 'object',
          description: 'The labels of the client that opened the virtual browser.',
        },
        { name: 'limits', $ref: 'Limits' },
        {
          name: 'endsAt',
          type: 'number',
          optional: true,
          description:
            'When the virtual browser ends at the latest, ms since 1970; not there where it has no time limit.',
        },
      ],
    },
    batchCommand,
  ],
  events: [
    {
      name: 'draining',
      description:
        "cdpmux is about to stop: finish, disconnect, and connect again. Sent without a sessionId, to clients that have used a command of this domain; whoever uses the first one later gets it after that command's answer.",
      parameters: [
        {
          name: 'deadline',
          type: 'number',
          description: 'When clients that are still there will be closed with 1001, ms since 1970.',
        },
      ],
    },
    {
      name: 'pageHung',
      description:
        'A page of this virtual browser has left a command unanswered for limits.pageHang, and does not answer cdpmux either: it is stuck in a script, or its process does not run. Not sent of pages that wait for the network or in a dialog, or stand at a breakpoint. Sent as draining is, once until the page answers again.',
      parameters: [
        { name: 'targetId', ...text, description: 'The page, or the frame of another process.' },
        {
          name: 'pendingMs',
          type: 'number',
          description: 'How long the oldest command has been unanswered.',
        },
        {
          name: 'action',
          ...text,
          enum: ['tell', 'terminate', 'close'],
          description:
            'What cdpmux does about it (limits.pageHangAction): nothing more, terminate the script, or close the page.',
        },
      ],
    },
    {
      name: 'memoryWarning',
      description:
        'This virtual browser, or all in its Chrome or container together, hold more memory than the soft limit: let go of what is not needed, or close pages. Past the hard limit the largest virtual browsers are ended. Sent to those who cause it, as draining is.',
      parameters: [
        {
          name: 'of',
          ...text,
          enum: ['virtualBrowser', 'browser', 'container'],
          description:
            'Whose limit it is; that of a browser is of all in it together, that of a container of all browsers and cdpmux.',
        },
        {
          name: 'heldMb',
          type: 'number',
          description: 'What is held beyond empty pages, in MB of 1048576 bytes.',
        },
        { name: 'ownMb', type: 'number', description: 'What of that this virtual browser holds.' },
        { name: 'softLimitMb', type: 'number', description: 'The limit that was passed.' },
        {
          name: 'hardLimitMb',
          type: 'number',
          description: 'The limit past which somebody has to go; 0 where there is none.',
        },
      ],
    },
    {
      name: 'evicted',
      description:
        'This virtual browser is ended at once because of what it holds. The WebSocket is closed with the same code and reason right after it.',
      parameters: [
        { name: 'code', type: 'integer', description: 'The WebSocket close code, 4413.' },
        { name: 'reason', ...text, description: 'What was held, and which limit it passed.' },
      ],
    },
  ],
} as const;

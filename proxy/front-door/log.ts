/** Where the front door tells what happened; fields never hold secrets or page content. */
export type Log = (level: 'info' | 'warn' | 'error', message: string, fields?: object) => void;

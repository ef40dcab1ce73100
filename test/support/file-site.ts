import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CdpClient, Message } from './cdp-client.js';
import { startCdpmux, type TestCdpmux } from './cdpmux.js';
import { evaluate, navigate, type Page } from './page.js';

/** What is in the file that nobody may read. */
export const SECRET = 'the secret of the machine';
const MiB = 1024 * 1024;
/** What a stranger's virtual browser may keep, bytes. */
export const TOTAL = 4 * MiB;
/** What one upload may have, bytes. */
export const UPLOAD = MiB;

/** What `GET …/files` lists. */
export interface Entry {
  name: string;
  size: number;
  state: string;
  guid?: string;
  reason?: string;
}

/** Files of this machine, and a site whose pages take files and whose files are downloaded. */
export interface FileSite {
  /** `http://127.0.0.1:<port>`; its paths are `/`, `/file?name=…`, `/endless?name=…` and `/frame`. */
  readonly origin: string;
  /** In it `allowed` has files, links within it and links out of it. */
  readonly folder: string;
  /** A file with a secret, outside of `allowed`. */
  readonly outside: string;
  close(): Promise<void>;
}

const page = `<!doctype html><title>page</title><body style="height:500px">
<input type=file id=files multiple><input type=file id=folder webkitdirectory></body>`;

/** Makes the files and serves the site. */
export async function openFileSite(): Promise<FileSite> {
  const folder = await mkdtemp(join(tmpdir(), 'cdpmux-test-files-'));
  const outside = join(folder, 'outside.txt');
  await writeFile(outside, SECRET);
  await mkdir(join(folder, 'allowed', 'inner'), { recursive: true });
  await writeFile(join(folder, 'allowed', 'inner', 'good.txt'), 'good');
  await symlink(outside, join(folder, 'allowed', 'link.txt'));
  await symlink(folder, join(folder, 'allowed', 'up'));
  await symlink(join(folder, 'allowed', 'inner', 'good.txt'), join(folder, 'allowed', 'fine.txt'));
  await mkdir(join(folder, 'allowed-not'));
  await writeFile(join(folder, 'allowed-not', 'near.txt'), SECRET);
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const name = url.searchParams.get('name') ?? 'file.bin';
    const attachment = {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${name}"`,
    };
    if (url.pathname === '/file') response.writeHead(200, attachment).end(`content of ${name}`);
    else if (url.pathname === '/endless') {
      response.writeHead(200, attachment);
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): void => {
        if (response.write(chunk)) setImmediate(more);
        else response.once('drain', more);
      };
      response.on('close', () => response.destroy());
      more();
    } else if (url.pathname === '/frame') {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<iframe src="about:blank" name="inner"></iframe>');
    } else response.writeHead(200, { 'content-type': 'text/html' }).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    folder,
    outside,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}

/** A cdpmux whose clients are strangers, and the directory in which it keeps their files. */
export async function startForStrangers(
  { folder }: FileSite,
  settings: Readonly<Record<string, string | number>> = {},
): Promise<{ cdpmux: TestCdpmux; kept: string }> {
  const kept = await mkdtemp(join(folder, 'kept-'));
  const cdpmux = await startCdpmux({
    'policy.trust': 'tenant',
    // the site is on loopback
    'policy.egress.mode': 'off',
    'policy.files.allow': join(folder, 'allowed'),
    'policy.files.directory': kept,
    'limits.files.total': TOTAL,
    'limits.files.upload': UPLOAD,
    ...settings,
  });
  return { cdpmux, kept };
}

/** All paths in a directory, while others make and delete some. */
export const filesIn = async (directory: string): Promise<string[]> => {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const paths = entries.map(async (entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? [path, ...(await filesIn(path))] : [path];
  });
  return (await Promise.all(paths)).flat();
};

/** What an input of a page holds, with the files' contents. */
export const contents = (client: CdpClient, on: Page, id = 'files'): Promise<unknown> =>
  evaluate(
    client,
    on,
    `Promise.all([...document.getElementById('${id}').files].map(async (f) => f.name + ': ' + await f.text()))`,
  );

/** Puts files into the page's input; the whole reply. */
export const give = async (of: CdpClient, to: Page, files: unknown, id = 'files'): Promise<Message> => {
  const { result } = await of.send<{ result: { objectId: string } }>(
    'Runtime.evaluate',
    { expression: `document.getElementById('${id}')` },
    to.sessionId,
  );
  return of.ask('DOM.setFileInputFiles', { files, objectId: result.objectId }, to.sessionId);
};

/** A page at a URL. */
export const openAt = async (of: CdpClient, url: string): Promise<Page> => {
  const opened = await of.newPage();
  await navigate(of, opened, url);
  return opened;
};

/** The id of a client's virtual browser, as it learns it itself. */
export const idOf = async (of: CdpClient): Promise<string> => {
  const { targetInfo } = await of.send<{ targetInfo: { targetId: string } }>('Target.getTargetInfo');
  return targetInfo.targetId;
};

/** Where a client's files are by HTTP, or one of them. */
export const urlOf = async (of: CdpClient, name = ''): Promise<string> => {
  const files = `http://${new URL(of.socket.url).host}/api/v1/virtual-browsers/${await idOf(of)}/files`;
  return name === '' ? files : `${files}/${encodeURIComponent(name)}`;
};

/** A client's files. */
export const list = async (of: CdpClient): Promise<Entry[]> =>
  (await (await fetch(await urlOf(of))).json()) as Entry[];

/** Uploads a file. */
export const put = async (
  of: CdpClient,
  name: string,
  body: string | Buffer<ArrayBuffer>,
): Promise<Response> => fetch(await urlOf(of, name), { method: 'PUT', body });

/** Status and code of a refusal. */
export const codeOf = async (answer: Response): Promise<unknown> => {
  const { error } = (await answer.json()) as { error?: { code: string } };
  return [answer.status, error?.code];
};

/** Whether a message says of a download how it stands. */
export const isProgress =
  (state: string, guid?: unknown) =>
  ({ method, params }: Message): boolean =>
    method === 'Browser.downloadProgress' &&
    params?.['state'] === state &&
    (guid === undefined || params['guid'] === guid);

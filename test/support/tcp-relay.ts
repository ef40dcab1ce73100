import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Passes bytes to a Chrome, so that a test can count and cut connections one by one. */
export interface TcpRelay {
  /** The Chrome's WebSocket URL, by way of the relay. */
  readonly wsUrl: string;
  /** Connections that are open, in the order in which they came. */
  readonly open: ReadonlySet<Socket>;
  /** How many have come since the start. */
  readonly accepted: number;
  /** While true, those who come are dropped. */
  refuses: boolean;
  close(): Promise<void>;
}

/** Starts one. */
export async function startTcpRelay(chromeUrl: string): Promise<TcpRelay> {
  const url = new URL(chromeUrl);
  const [host, port] = [url.hostname, Number(url.port)];
  const open = new Set<Socket>();
  let accepted = 0;
  const server = createServer({ noDelay: true }, (client) => {
    if (relay.refuses) return void client.destroy();
    accepted++;
    open.add(client);
    const chrome = connect({ host, port, noDelay: true });
    client.on('error', () => chrome.destroy()).pipe(chrome);
    chrome.on('error', () => client.destroy()).pipe(client);
    client.once('close', () => {
      open.delete(client);
      chrome.destroy();
    });
    chrome.once('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url.port = String((server.address() as AddressInfo).port);
  const relay = {
    wsUrl: url.href,
    open,
    get accepted() {
      return accepted;
    },
    refuses: false,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
  return relay;
}

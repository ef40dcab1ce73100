import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Passes bytes to a Chrome, until it stops, or late. */
export interface LossyRelay {
  /** The Chrome's WebSocket URL, by way of the relay. */
  readonly wsUrl: string;
  /** While true nothing passes and nothing ends, as on a network that lost its way: TCP is half open. */
  silent: boolean;
  /** What Chrome says comes so much later, ms. */
  delay: number;
  /** Drops all connections. */
  cut(): void;
  close(): Promise<void>;
}

/** Starts one. */
export async function startLossyRelay(chromeUrl: string): Promise<LossyRelay> {
  const url = new URL(chromeUrl);
  const target = { host: url.hostname, port: Number(url.port), noDelay: true };
  const open = new Set<Socket>();
  const relay = { silent: false, delay: 0 };
  const pass = (from: Socket, to: Socket, isLate: boolean): void => {
    from.on('error', () => to.destroy());
    from.on('close', () => {
      open.delete(from);
      to.destroy();
    });
    from.on('data', (bytes) => {
      if (relay.silent) return;
      if (isLate && relay.delay > 0) setTimeout(() => to.write(bytes), relay.delay).unref();
      else to.write(bytes);
    });
  };
  const server = createServer({ noDelay: true }, (client) => {
    // who comes then finds no way either
    if (relay.silent) return void client.destroy();
    const chrome = connect(target);
    for (const socket of [client, chrome]) open.add(socket);
    pass(client, chrome, false);
    pass(chrome, client, true);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url.port = String((server.address() as AddressInfo).port);
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return Object.assign(relay, {
    wsUrl: url.href,
    cut,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      await closed;
    },
  });
}

import http from 'node:http';
import https from 'node:https';
import { connect, type LookupFunction, type NetConnectOpts, type Socket } from 'node:net';
import { isIP } from 'node:net';

type Connect = (options: NetConnectOpts, done?: (error: Error | null, socket: Socket) => void) => Socket;

/** Node's agent for TLS has this method, its types don't. */
const connectSecurely = (https.Agent.prototype as unknown as { createConnection: Connect }).createConnection;

/**
 * Agents that hand every connection they open to `track`. They keep none for another request: a kept one could carry
 * what its first user proved of himself to the next, and each request is to be checked and connected by itself.
 */
export function trackingAgents(track: (socket: Socket) => void): { http: http.Agent; https: https.Agent } {
  const plain = new http.Agent({ keepAlive: false });
  const secure = new https.Agent({ keepAlive: false });
  const watch = (open: Connect): Connect => {
    return (options, done) => {
      const socket = open(options, done);
      track(socket);
      return socket;
    };
  };
  Object.assign(plain, { createConnection: watch((options) => connect(options)) });
  Object.assign(secure, { createConnection: watch(connectSecurely.bind(secure)) });
  return { http: plain, https: secure };
}

/** A lookup that gives these addresses, whatever it is asked for: nothing is resolved a second time. */
export function pinnedTo(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (hostname, options, callback) => {
    const [first] = all;
    if (!first) callback(new Error(`${hostname} has no address that may be reached`), '');
    else if (options.all) callback(null, all);
    else callback(null, first.address, first.family);
  };
}

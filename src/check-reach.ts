/**
 * A name or address that the DNS gave becomes a connection, unless the address is none of the Internet's: whoever writes the zone
 * of a sender could else point its exchanger or its policy at somebody's inner network, and read from us what listens there.
 */
import type { LookupAddress } from 'node:dns';
import { request } from 'node:https';
import { connect, isIP, type LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { type Ask, Unanswered, type World } from './check.ts';
import { notOfTheInternet } from './check-addresses.ts';
import { find } from './dns-check.ts';

export type InnerAddresses = 'refuse' | 'allow';

/** The ways into the world beside questions. Names are resolved by `ask`, and what was judged is what is connected to. */
export function reach(ask: Ask, inner: InnerAddresses): Pick<World, 'connect' | 'fetch'> {
  const judged = (address: string): string => {
    const what = inner === 'allow' ? undefined : notOfTheInternet(address);
    if (what === undefined) return address;
    throw new Unanswered(
      'inner_address',
      `${address} is ${what}, so nothing is connected to it; where that is meant, say checks.private_addresses: allow`,
    );
  };
  return {
    connect: (address, port, signal) => connect({ host: judged(address), port, signal }),
    fetch: async (input, { signal, headers } = {}) => {
      const url = new URL(String(input));
      const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
      // An address is not looked up; and of a name with several addresses, one that is refused spoils all.
      if (isIP(host) > 0) judged(host);
      const found = async () => (await addressesOf(host, ask, signal ?? new AbortController().signal)).map(judged);
      return await got(url, { ...(signal && { signal }), ...(headers && { headers }) }, lookUp(found));
    },
  };
}

/** As Node asks for the addresses of a host: all of them, or one. */
const lookUp =
  (found: () => Promise<string[]>): LookupFunction =>
  (_host, { all }, answer) => {
    const told = found().then((addresses) =>
      addresses.map((address): LookupAddress => ({ address, family: isIP(address) })),
    );
    told.then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined) answer(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '');
        else if (all) answer(null, addresses);
        else answer(null, first.address, first.family);
      },
      (error: Error) => answer(error, ''),
    );
  };

async function addressesOf(host: string, ask: Ask, signal: AbortSignal): Promise<string[]> {
  const world = { ask, signal, tell: () => {} };
  const [four, six] = await Promise.all([find(world, host, 'A'), find(world, host, 'AAAA')]);
  return [...four.records, ...six.records].map(({ data }) => data);
}

/** As much of `fetch` as a GET takes: the built-in one resolves names by itself and cannot be told where to connect. */
function got(url: URL, { signal, headers = {} }: RequestInit, lookup: LookupFunction): Promise<Response> {
  return new Promise((resolve, reject) => {
    const asking = request(url, {
      headers: Object.fromEntries(new Headers(headers)),
      agent: false,
      lookup,
      ...(signal && { signal }),
    });
    asking.once('response', (message) => {
      const { statusCode: status = 0, headers: told } = message;
      const headers = Object.entries(told).map(([name, value]): [string, string] => [name, String(value)]);
      try {
        const empty = [204, 205, 304].includes(status);
        const body = empty ? null : (Readable.toWeb(message) as ReadableStream<Uint8Array>);
        if (empty) message.resume();
        resolve(new Response(body, { status, headers }));
      } catch (error) {
        message.destroy();
        reject(new TypeError('fetch failed', { cause: error }));
      }
    });
    asking.on('error', (error) => {
      if (signal?.aborted) reject(signal.reason);
      else reject(error instanceof Unanswered ? error : new TypeError('fetch failed', { cause: error }));
    });
    asking.end();
  });
}

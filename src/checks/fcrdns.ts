/**
 * An address becomes a judgement of its reverse name: there is one, it leads back to the address, and it does not look as if
 * the provider had made it up (RFC 8601 2.7.3, and the sender rules of Gmail, Yahoo and Outlook).
 */
import { isIPv4 } from 'node:net';
import type { World } from '../check.ts';
import { dnsCheck, find, shown } from '../dns-check.ts';

/** More names than receivers look at. */
const NAMES = 10;

const DYNAMIC =
  /(?:^|[-.\d])(?:dyn|dynamic|dynip|dhcp|dial(?:up|in)?|[avsx]?dsl|ppp(?:oe)?|pool|unassigned|generic|static|cable)(?=[-.\d]|$)/;

export default dnsCheck({
  name: 'fcrdns',
  summary: 'reverse name of a sending address (PTR), and whether it leads back to the address',
  targets: ['ip'],
  problems: {
    no_ptr: 'Have the owner of the address (hosting or network provider) set a PTR record that names the sending host.',
    ptr_unresolvable:
      'Create the A or AAAA record of the name in the PTR record, or let the PTR name a host that has one.',
    ptr_mismatch: 'Let the name in the PTR record have this address among its A or AAAA records, or correct the PTR.',
  },
  warnings: {
    several_ptrs: 'Keep one PTR record, the name that the server says in HELO: receivers look at any one of several.',
    generic_ptr: 'Ask for a PTR that names your mail host: a name made of the address looks like a customer line.',
  },
  async examine({ name: ip }, world, judge) {
    const { records } = await find(world, reverseName(ip), 'PTR');
    const names = [...new Set(records.map(({ data }) => data))];
    if (names.length === 0) judge.problem('no_ptr', `${ip} has no name`);
    if (names.length > 1) judge.warning('several_ptrs', `${ip} has ${names.length} names`);
    for (const name of names.slice(0, NAMES)) {
      if (looksGeneric(name, ip)) judge.warning('generic_ptr', shown(name));
      const addresses = await addressesOf(world, name, ip);
      if (addresses.length === 0) judge.problem('ptr_unresolvable', `${shown(name)} has no address of this family`);
      else if (!addresses.some((address) => nibbles(address) === nibbles(ip)))
        judge.problem('ptr_mismatch', `${shown(name)} has other addresses than ${ip}`);
    }
    return [];
  },
});

async function addressesOf(world: World, name: string, ip: string): Promise<string[]> {
  const { records } = await find(world, name, isIPv4(ip) ? 'A' : 'AAAA');
  return records.map(({ data }) => data);
}

function reverseName(ip: string): string {
  if (isIPv4(ip)) return `${ip.split('.').toReversed().join('.')}.in-addr.arpa`;
  return `${[...nibbles(ip)].toReversed().join('.')}.ip6.arpa`;
}

/** The address in hexadecimal digits, 8 or 32: one text for one address, however it was written. */
function nibbles(ip: string): string {
  if (isIPv4(ip))
    return ip
      .split('.')
      .map((octet) => Number(octet).toString(16).padStart(2, '0'))
      .join('');
  const [head = '', tail] = new URL(`http://[${ip}]`).hostname.slice(1, -1).split('::');
  const groups = (half: string) =>
    half
      .split(':')
      .filter(Boolean)
      .map((group) => group.padStart(4, '0'));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0000'), ...after].join('');
}

/** `198-51-100-7.isp.example`, `7.100.51.198.…`, `c6336407.…`, `dynamic-…`. */
function looksGeneric(name: string, ip: string): boolean {
  if (DYNAMIC.test(name)) return true;
  const hex = nibbles(ip);
  if (!isIPv4(ip)) {
    const bare = name.replace(/[-.:_]/g, '');
    return [hex.slice(-16), [...hex].toReversed().join('').slice(0, 16)].some((part) => bare.includes(part));
  }
  const octets = ip.split('.');
  const written = (order: readonly string[]) => new RegExp(`(?<!\\d)0*${order.join('[-._]?0*')}(?!\\d)`);
  return name.includes(hex) || written(octets).test(name) || written(octets.toReversed()).test(name);
}

/**
 * An address becomes whose it is: everybody's, or one of those that mean something else in every network. After the registries of
 * special-purpose addresses (RFC 6890, RFC 8190) and RFC 6052 (IPv4 within IPv6).
 */
import { BlockList, isIP } from 'node:net';
import { hextets, plainAddress } from './blocklist-name.ts';

type Family = 'ipv4' | 'ipv6';
type Row = readonly [net: string, bits: number, family: Family, what: string];

/** Addresses within one network, and those that nobody sends from. */
const INNER: readonly Row[] = [
  ['0.0.0.0', 8, 'ipv4', 'an address of this very network'],
  ['10.0.0.0', 8, 'ipv4', 'a private address'],
  ['100.64.0.0', 10, 'ipv4', "an address of a carrier's own network"],
  ['127.0.0.0', 8, 'ipv4', 'the machine itself'],
  ['169.254.0.0', 16, 'ipv4', 'a link-local address'],
  ['172.16.0.0', 12, 'ipv4', 'a private address'],
  ['192.168.0.0', 16, 'ipv4', 'a private address'],
  ['224.0.0.0', 4, 'ipv4', 'a multicast address'],
  ['240.0.0.0', 4, 'ipv4', 'a reserved address'],
  ['::', 128, 'ipv6', 'no address at all'],
  ['::1', 128, 'ipv6', 'the machine itself'],
  ['fc00::', 7, 'ipv6', 'a private address'],
  ['fe80::', 10, 'ipv6', 'a link-local address'],
  ['ff00::', 8, 'ipv6', 'a multicast address'],
];
/** Of no machine on the Internet either, though examples and tests write them for such. */
const SPECIAL: readonly Row[] = [
  ['192.0.0.0', 24, 'ipv4', 'an address of protocols'],
  ['192.0.2.0', 24, 'ipv4', 'an address of examples'],
  ['192.88.99.0', 24, 'ipv4', 'a reserved address'],
  ['198.18.0.0', 15, 'ipv4', 'an address of measurements'],
  ['198.51.100.0', 24, 'ipv4', 'an address of examples'],
  ['203.0.113.0', 24, 'ipv4', 'an address of examples'],
  ['2001::', 23, 'ipv6', 'an address of protocols'],
  ['2001:db8::', 32, 'ipv6', 'an address of examples'],
  // Leads to an IPv4 address of whoever made it up.
  ['2002::', 16, 'ipv6', 'an address of a tunnel'],
  ['3fff::', 20, 'ipv6', 'an address of examples'],
];

const INNER_NETS = netsOf(INNER);
const ALL_NETS = netsOf([...INNER, ...SPECIAL]);
/** All that is given out to anybody (RFC 4291 2.4, as IANA has it); what lies outside is reserved. */
const GIVEN_OUT = new BlockList();
GIVEN_OUT.addSubnet('2000::', 3, 'ipv6');

function netsOf(rows: readonly Row[]): readonly (readonly [nets: BlockList, what: string])[] {
  return [...Map.groupBy(rows, ([, , , what]) => what)].map(([what, its]) => {
    const nets = new BlockList();
    for (const [net, bits, family] of its) nets.addSubnet(net, bits, family);
    return [nets, what];
  });
}

function find(address: string, nets: typeof ALL_NETS): string | undefined {
  const family: Family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  return nets.find(([net]) => net.check(address, family))?.[1];
}

/** Whether nobody outside can say anything of it. */
export const isInner = (address: string): boolean => find(plainAddress(address), INNER_NETS) !== undefined;

/** What it is where no machine of the Internet has it; undefined: one may. */
export function notOfTheInternet(address: string): string | undefined {
  if (isIP(address) === 0 || address.includes('%')) return 'no plain address';
  const plain = within(address);
  const what = find(plain, ALL_NETS);
  return what ?? (isIP(plain) === 6 && !GIVEN_OUT.check(plain, 'ipv6') ? 'a reserved address' : undefined);
}

/** The IPv4 address that ::ffff:0:0/96 or 64:ff9b::/96 (NAT64) leads to, else the address. */
function within(address: string): string {
  const plain = plainAddress(address);
  if (isIP(plain) === 4) return plain;
  const [first, second, ...rest] = hextets(plain);
  if (first !== 0x64 || second !== 0xff9b || rest.slice(0, 4).some((group) => group !== 0)) return plain;
  return rest
    .slice(4)
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}

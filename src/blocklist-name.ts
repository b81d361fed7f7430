/**
 * A target becomes the name that a list is asked for: octets or nibbles from the last to the first, or the domain in A-labels.
 * After RFC 5782 sections 2.1, 2.4 and 3; RFC 4291 2.5.5.2 (an IPv4 address in IPv6 clothes); RFC 5890.
 */
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import type { Blocklist, TargetKind } from './blocklist.ts';
import type { Target } from './check.ts';

/** undefined: the list has no entries of this kind, or the target is no such thing. */
export function questionName(
  list: Blocklist,
  target: Target,
  key: string,
  registered: (domain: string) => string,
): string | undefined {
  const kind = kindOf(target);
  if (kind === undefined || !list.targets.includes(kind)) return undefined;
  let { name } = target;
  if (kind === 'domain') {
    name = aLabels(name)!;
    if (list.domains === 'registered') name = registered(name);
  } else name = plainAddress(name);
  const question = `${label(kind, name)}.${list.zone.replace('{key}', key)}`;
  return question.length > 253 ? undefined : question;
}

/** What the target is in the eyes of a list: an IPv4 address in IPv6 clothes is IPv4. undefined: neither address nor domain. */
export function kindOf({ kind, name }: Target): TargetKind | undefined {
  if (kind === 'domain') return aLabels(name) === undefined ? undefined : 'domain';
  const family = name.includes('%') ? 0 : isIP(plainAddress(name));
  return family === 0 ? undefined : family === 4 ? 'ipv4' : 'ipv6';
}

/** An address passes for a domain with many (`0x7f.1` becomes 127.0.0.1): it must never reach a list of domains as one. */
export function aLabels(domain: string): string | undefined {
  const name = domainToASCII(domain).replace(/\.$/, '');
  return isIP(name) === 0 && /^(?=.{1,253}$)([a-z0-9_-]{1,63}\.)+[a-z0-9-]{1,63}$/.test(name) ? name : undefined;
}

/** ::ffff:192.0.2.1 and ::ffff:c000:201 are 192.0.2.1. */
export function plainAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  const groups = hextets(address);
  if (!groups.slice(0, 5).every((group) => group === 0) || groups[5] !== 0xffff) return address;
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}

/** The eight groups of an IPv6 address. */
export function hextets(address: string): number[] {
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...octets: string[]) => {
    const [a, b, c, d] = octets.map(Number);
    return `${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`;
  });
  const [head = '', tail] = hex.split('::');
  const numbers = (text: string) =>
    text
      .split(':')
      .filter(Boolean)
      .map((group) => Number.parseInt(group, 16));
  const [before, after] = [numbers(head), numbers(tail ?? '')];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** 10.2.0.192, or 32 nibbles from the last to the first: a list of IPv6 has no name made of anything wider. */
export function label(kind: TargetKind, name: string): string {
  if (kind === 'domain') return name;
  if (kind === 'ipv4') return name.split('.').reverse().join('.');
  const nibbles = hextets(name)
    .map((group) => group.toString(16).padStart(4, '0'))
    .join('');
  return [...nibbles].reverse().join('.');
}

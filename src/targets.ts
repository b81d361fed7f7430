/** Addresses and domains of the configuration, and those that sent mail in the last day, become the targets of checks. */
import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import type { Target } from './check.ts';
import { type SeriesStore, OTHER } from './series.ts';

export interface TargetSettings {
  ips: readonly string[];
  domains: readonly { name: string; selectors: readonly string[] }[];
  /** DKIM selectors to look for where a domain names none of its own. */
  selectors: readonly string[];
  fromEvents: boolean;
  /** Targets in all; those of the configuration come first, then those that sent last. */
  most: number;
}

/** Mail seen within this long makes its sender a target, ms (R6). */
const RECENT = 24 * 3600_000;
const KEY = 'sent:';

/** Nobody outside can list what is not routed: RFC 1918, 6598, 3927, 4193, loopback. */
const inner = new BlockList();
for (const [net, bits, family] of [
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['0.0.0.0', 8, 'ipv4'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['::', 127, 'ipv6'],
] as const)
  inner.addSubnet(net, bits, family);

/** undefined when it is no address or domain. */
export function targetOf(text: string, selectors: readonly string[] = []): Target | undefined {
  const family = isIP(text);
  if (family !== 0 && !text.includes('%')) return { kind: 'ip', name: canonical(text) };
  const name = domainToASCII(text.trim()).replace(/\.$/, '').toLowerCase();
  if (isIP(name) !== 0 || !/^(?=.{1,253}$)([a-z0-9_-]{1,63}\.)+[a-z0-9-]{1,63}$/.test(name)) return undefined;
  return { kind: 'domain', name, selectors };
}

/** As the URL parser writes it: shortened, lower case. */
function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

export function isPublic(target: Target): boolean {
  if (target.kind === 'domain') return true;
  return !inner.check(target.name, isIP(target.name) === 6 ? 'ipv6' : 'ipv4');
}

/** Remembers, over restarts, who sent mail lately. */
export class Senders {
  /** Address or domain, as in the labels, to when it sent last (Unix ms). */
  private readonly last = new Map<string, number>();

  constructor(kept: ReadonlyMap<string, string>) {
    for (const [key, at] of kept) if (key.startsWith(KEY)) this.last.set(key.slice(KEY.length), Number(at));
  }

  /** Looks at what was counted; returns what is to be kept, told hourly for each so that the file is left alone between. */
  look(series: Pick<SeriesStore, 'resources'>, now: number): Map<string, string | null> {
    const changed = new Map<string, string | null>();
    for (const { values, active } of series.resources()) {
      if (active === 0) continue;
      for (const name of [values[1]!, values[2]!]) {
        if (name === 'unknown' || name === OTHER) continue;
        const before = this.last.get(name) ?? 0;
        if (active <= before) continue;
        if (active - before < 3600_000) continue;
        this.last.set(name, active);
        changed.set(KEY + name, String(active));
      }
    }
    for (const [name, at] of this.last)
      // An hour more, for what is told hourly.
      if (at < now - RECENT - 3600_000) {
        this.last.delete(name);
        changed.set(KEY + name, null);
      }
    return changed;
  }

  /** Those that sent last come first. */
  names(): string[] {
    return [...this.last].sort(([, a], [, b]) => b - a).map(([name]) => name);
  }
}

/** By name, at most `most`. */
export function chooseTargets({ ips, domains, selectors, fromEvents, most }: TargetSettings, senders: Senders): Map<string, Target> {
  const targets = new Map<string, Target>();
  const add = (target: Target | undefined): void => {
    if (target && targets.size < most && !targets.has(target.name)) targets.set(target.name, target);
  };
  for (const { name, selectors: own } of domains) add(targetOf(name, own.length > 0 ? own : selectors));
  for (const ip of ips) add(targetOf(ip));
  if (fromEvents)
    for (const name of senders.names()) {
      const target = targetOf(name, selectors);
      if (target && isPublic(target)) add(target);
    }
  return targets;
}

/** Addresses and domains of the configuration, and those that sent mail in the last day, become the targets of checks. */
import { isIP } from 'node:net';
import { parse } from 'tldts';
import { aLabels, plainAddress } from './blocklist-name.ts';
import type { Target } from './check.ts';
import { isInner } from './check-addresses.ts';
import { OTHER, type SeriesStore } from './series.ts';

export interface TargetSettings {
  ips: readonly string[];
  domains: readonly { name: string; selectors: readonly string[] }[];
  /** DKIM selectors to look for where a domain names none of its own. */
  selectors: readonly string[];
  fromEvents: boolean;
  /** Targets in all; those of the configuration come first, then those that are targets already, then those that sent last. */
  most: number;
}

/** Mail seen within this long makes its sender a target, ms (R6). */
const RECENT = 24 * 3600_000;
/** Between two notes of the same sender, ms, so that the file is left alone: what is kept may be so much too old. */
const TOLD = 3600_000;
const KEY = 'sent:';

/** undefined when it is no address or domain. */
export function targetOf(text: string, selectors: readonly string[] = []): Target | undefined {
  const family = isIP(text);
  if (family !== 0 && !text.includes('%')) return { kind: 'ip', name: canonical(text) };
  const name = aLabels(text.trim());
  if (name === undefined) return undefined;
  return { kind: 'domain', name, selectors };
}

/** As the URL parser writes it: shortened, lower case; ::ffff:192.0.2.1 is 192.0.2.1, which many write in both ways. */
function canonical(address: string): string {
  const plain = plainAddress(address);
  return isIP(plain) === 6 ? new URL(`http://[${plain}]`).hostname.slice(1, -1) : plain;
}

/** In the Public Suffix List, and yet nothing that mail comes from: RFC 7686, RFC 3172. */
const NO_MAIL = /\.(?:onion|arpa)$/;

/** Whether somebody outside could know something of it: a routed address, or a domain that was registered (no host.local). */
export function isPublic({ kind, name }: Target): boolean {
  if (kind === 'ip') return !isInner(name);
  const { isIcann, isPrivate, domain } = parse(name, { allowPrivateDomains: true, validateHostname: false });
  return (isIcann === true || isPrivate === true) && domain !== null && !NO_MAIL.test(name);
}

/** Remembers, over restarts, who sent mail lately. */
export class Senders {
  /** Address or domain, as in the labels, to when it sent last (Unix ms). */
  private readonly last = new Map<string, number>();

  constructor(kept: ReadonlyMap<string, string>) {
    for (const [key, at] of kept) if (key.startsWith(KEY)) this.last.set(key.slice(KEY.length), Number(at));
  }

  /** Looks at what was counted; returns what is to be kept. */
  look(series: Pick<SeriesStore, 'resources'>, now: number): Map<string, string | null> {
    const changed = new Map<string, string | null>();
    for (const { values, active } of series.resources()) {
      // What is older is forgotten below, and was.
      if (active < now - RECENT) continue;
      for (const name of [values[1]!, values[2]!]) {
        if (name === 'unknown' || name === OTHER) continue;
        if (active - (this.last.get(name) ?? 0) < TOLD) continue;
        this.last.set(name, active);
        changed.set(KEY + name, String(active));
      }
    }
    for (const [name, at] of this.last)
      if (at < now - RECENT - TOLD) {
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

/**
 * By name, at most `most`. `before`: those that were chosen the last time. They keep their place as long as they send, so that
 * nobody is forgotten, asked about anew and forgotten again as others send.
 */
export function chooseTargets(
  { ips, domains, selectors, fromEvents, most }: TargetSettings,
  senders: Senders,
  before: ReadonlySet<string>,
): Map<string, Target> {
  const targets = new Map<string, Target>();
  const add = (target: Target | undefined): void => {
    if (target && targets.size < most && !targets.has(target.name)) targets.set(target.name, target);
  };
  for (const { name, selectors: own } of domains) add(targetOf(name, own.length > 0 ? own : selectors));
  for (const ip of ips) add(targetOf(ip));
  if (!fromEvents) return targets;
  const sending = senders
    .names()
    .map((name) => targetOf(name, selectors))
    .filter((target) => target !== undefined && isPublic(target));
  for (const old of [true, false]) for (const target of sending) if (before.has(target!.name) === old) add(target);
  return targets;
}

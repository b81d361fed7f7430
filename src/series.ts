/**
 * Counters become numbers in two flat arrays, what has been counted and what has been committed, found by label values
 * through nested maps. Free labels are capped: over the cap that label alone becomes `__other__`, and totals stay exact.
 */
import { isIP } from 'node:net';
import type { Kind } from './event.ts';
import { SCOPES, type Scope, variants, zeroVariants } from './metrics.ts';

export const OTHER = '__other__';

/** Distinct values kept for each free label, and members of a scope kept in all. A member of `resource` costs about 2 kB. */
export interface Caps {
  sending_domain: number;
  sending_ip: number;
  campaign: number;
  members: number;
}
const DEFAULT_CAPS: Caps = { sending_domain: 2_000, sending_ip: 2_000, campaign: 2_000, members: 50_000 };
type FreeLabel = Exclude<keyof Caps, 'members'>;

/** One set of label values of a scope, and the series that exist for it. */
export interface Member {
  scope: Scope;
  values: readonly string[];
  /** `source="…",…`, escaped as the text format wants. */
  text: Buffer;
  /** Variant number to series number. */
  series: Map<number, number>;
  /** When an event last counted for it, Unix ms; 0: not since the start. */
  active: number;
}

/** Numbers that a variant needs: 1, or one a bucket with +Inf, and the sum. */
export function width(variant: number): number {
  const { type, buckets } = variants[variant]!.family;
  return type === 'histogram' ? buckets.length + 2 : 1;
}

/** Which label is folded once there are this many times `members` members. */
const GIVEN_UP = [
  ['campaign', 1],
  ['sending_ip', 1],
  ['sending_domain', 2],
] as const;

type Tree = Map<string, Tree | Member>;

export class SeriesStore {
  /** By series number: where its numbers start, which variant it is, whose it is, since when it exists (Unix ms; 0: shown at once). */
  readonly slot: number[] = [];
  readonly variant: number[] = [];
  readonly member: Member[] = [];
  readonly born: number[] = [];
  live = new Float64Array(1024);
  committed = new Float64Array(1024);
  /** Numbers handed out so far. */
  size = 0;
  /** Series numbers by variant, in order of birth, for the exposition. */
  readonly byVariant: number[][] = variants.map(() => []);
  /** Events folded for want of room, by label. */
  readonly folded: Record<FreeLabel, number> = { sending_domain: 0, sending_ip: 0, campaign: 0 };
  readonly members: Record<Scope, number> = { resource: 0, campaign: 0, feed: 0 };
  /** Series by scope. */
  readonly held: Record<Scope, number> = { resource: 0, campaign: 0, feed: 0 };
  /** Series touched since the last take(). */
  private changed: number[] = [];
  private touched = new Uint8Array(256);
  private readonly trees: Record<Scope, Tree> = { resource: new Map(), campaign: new Map(), feed: new Map() };
  private readonly known: Record<FreeLabel, Set<string>> = {
    sending_domain: new Set(),
    sending_ip: new Set(),
    campaign: new Set(),
  };
  private readonly caps: Caps;

  constructor(caps: Partial<Caps> = {}) {
    this.caps = { ...DEFAULT_CAPS, ...caps };
  }

  /** The member of `resource` for an event; '' stands for unknown. Four map look-ups when it exists. */
  resource(source: string, domain: string, ip: string, provider: string, gives: readonly Kind[], born: number): Member {
    const a = this.trees.resource.get(source) as Tree | undefined;
    const b = a?.get(domain) as Tree | undefined;
    const c = b?.get(ip) as Tree | undefined;
    return (c?.get(provider) as Member) ?? this.admit('resource', [source, domain, ip, provider], gives, born);
  }

  campaign(source: string, domain: string, campaign: string, gives: readonly Kind[], born: number): Member {
    const a = this.trees.campaign.get(source) as Tree | undefined;
    const b = a?.get(domain) as Tree | undefined;
    return (b?.get(campaign) as Member) ?? this.admit('campaign', [source, domain, campaign], gives, born);
  }

  /** Every member of `resource`. */
  *resources(): Generator<Member> {
    for (const domains of this.trees.resource.values() as Iterable<Tree>)
      for (const ips of domains.values() as Iterable<Tree>)
        for (const providers of ips.values() as Iterable<Tree>) yield* providers.values() as Iterable<Member>;
  }

  feed(source: string): Member {
    return (this.trees.feed.get(source) as Member) ?? this.admit('feed', [source], [], 0);
  }

  add(member: Member, variant: number, amount: number, born: number): void {
    const series = member.series.get(variant) ?? this.create(member, variant, born);
    this.live[this.slot[series]!]! += amount;
    this.touch(series);
  }

  observe(member: Member, variant: number, value: number, born: number): void {
    const series = member.series.get(variant) ?? this.create(member, variant, born);
    const { buckets } = variants[variant]!.family;
    const start = this.slot[series]!;
    let bucket = 0;
    while (bucket < buckets.length && value > buckets[bucket]!) bucket++;
    this.live[start + bucket]!++;
    this.live[start + buckets.length + 1]! += value;
    this.touch(series);
  }

  /** Series changed since the last call; new ones among them. */
  take(): number[] {
    const taken = this.changed;
    for (const series of taken) this.touched[series] = 0;
    this.changed = [];
    return taken;
  }

  touch(series: number): void {
    if (this.touched[series] === 1) return;
    this.touched[series] = 1;
    this.changed.push(series);
  }

  /** A series as the journal kept it. Its label values count towards the caps again. */
  restore(
    scope: Scope,
    labels: readonly string[],
    variant: number,
    slot: number,
    values: Float64Array,
    born: number,
  ): void {
    const member = this.place(scope, labels, labels);
    const series = this.slot.length;
    this.grow(slot + values.length, series);
    this.slot.push(slot);
    this.enlist(member, variant, series, born);
    this.live.set(values, slot);
    this.committed.set(values, slot);
  }

  /** Leaves numbers alone that the journal keeps for another version's catalogue. */
  reserve(size: number): void {
    this.grow(size, this.slot.length);
  }

  /** The way of a member not seen under these values: clean, cap, look again, make. */
  private admit(scope: Scope, raw: readonly string[], gives: readonly Kind[], born: number): Member {
    const labels = SCOPES[scope];
    const values = raw.map((value, i) => this.clean(labels[i]!, value));
    values.forEach((value, i) => {
      const label = labels[i]!;
      if (isFree(label) && !this.hasRoom(label, value)) this.fold(values, i, label);
    });
    // The product of labels that are each under their caps can still be large: give up the finest label first.
    for (const [label, times] of GIVEN_UP) {
      const i = (labels as readonly string[]).indexOf(label);
      const full = i >= 0 && this.members[scope] >= this.caps.members * times;
      if (full && !find(this.trees[scope], values)) this.fold(values, i, label);
    }
    const existing = find(this.trees[scope], values);
    const member = existing ?? this.place(scope, values, values);
    if (!existing) for (const variant of zeroVariants(scope, gives)) this.touch(this.create(member, variant, born));
    return member;
  }

  private clean(label: string, value: string): string {
    if (label === 'sending_domain') return DOMAIN.test(value) ? value : 'unknown';
    if (label === 'sending_ip') return isIP(value) ? value : 'unknown';
    // '@' may be somebody's address; ',x:' would merge series in prom-client's keys where gauges carry the same value.
    if (label === 'campaign') return value.length > 128 || UNFIT.test(value) ? OTHER : value;
    return value;
  }

  private hasRoom(label: FreeLabel, value: string): boolean {
    const known = this.known[label];
    if (known.has(value) || value === OTHER || value === 'unknown') return true;
    return known.size < this.caps[label];
  }

  private fold(values: string[], i: number, label: FreeLabel): void {
    values[i] = OTHER;
    this.folded[label]++;
  }

  private place(scope: Scope, path: readonly string[], values: readonly string[]): Member {
    const found = find(this.trees[scope], path);
    if (found) return found;
    const labels = SCOPES[scope];
    const text = labels.map((label, i) => `${label}="${escapeLabel(values[i]!)}"`).join(',');
    const member: Member = { scope, values, text: Buffer.from(text), series: new Map(), active: 0 };
    let tree = this.trees[scope];
    for (const value of path.slice(0, -1)) {
      let next = tree.get(value) as Tree | undefined;
      if (!next) {
        next = new Map();
        tree.set(value, next);
      }
      tree = next;
    }
    tree.set(path.at(-1)!, member);
    this.members[scope]++;
    labels.forEach((label, i) => {
      if (isFree(label) && values[i] !== OTHER && values[i] !== 'unknown') this.known[label].add(values[i]!);
    });
    return member;
  }

  private create(member: Member, variant: number, born: number): number {
    const series = this.slot.length;
    const slot = this.size;
    this.grow(slot + width(variant), series);
    this.slot.push(slot);
    this.enlist(member, variant, series, born);
    return series;
  }

  private enlist(member: Member, variant: number, series: number, born: number): void {
    this.variant.push(variant);
    this.member.push(member);
    this.born.push(born);
    this.byVariant[variant]!.push(series);
    this.held[member.scope]++;
    member.series.set(variant, series);
  }

  private grow(size: number, series: number): void {
    this.size = Math.max(this.size, size);
    if (size > this.live.length) {
      const length = Math.max(size, this.live.length * 2);
      const [live, committed] = [new Float64Array(length), new Float64Array(length)];
      live.set(this.live);
      committed.set(this.committed);
      this.live = live;
      this.committed = committed;
    }
    if (series >= this.touched.length) {
      const touched = new Uint8Array(Math.max(series + 1, this.touched.length * 2));
      touched.set(this.touched);
      this.touched = touched;
    }
  }
}

const DOMAIN = /^[\p{L}\p{N}_](?:[\p{L}\p{N}._-]{0,252})$/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const UNFIT = /[@\u0000-\u001f\u007f]|,[a-z_]+:/;

function isFree(label: string): label is FreeLabel {
  return label === 'sending_domain' || label === 'sending_ip' || label === 'campaign';
}

function find(tree: Tree, path: readonly string[]): Member | undefined {
  let at: Tree | Member | undefined = tree;
  for (const value of path) at = (at as Tree | undefined)?.get(value);
  return at as Member | undefined;
}

/** As the text exposition format 0.0.4 asks. */
export function escapeLabel(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');
}

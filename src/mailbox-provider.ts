/** A recipient's domain becomes the mailbox provider that serves it, the label `provider`; 'other' when it is none of the known ones. */
import { BRANDS, DOMAINS, MX_SUFFIXES } from './mailbox-providers.ts';

const OTHER = 'other';
/** Domains whose provider is remembered, beside those of the table: customers' domains, learnt from MX records or looked at before. */
const MOST_LEARNT = 100_000;

const byDomain = index(DOMAINS);
const bySuffix = index(MX_SUFFIXES);
/** Domains that only their mail exchangers can tell about, for whoever looks them up (mx-lookup.ts); what comes beyond is met again. */
const MOST_WONDERED = 10_000;
const waiting = new Set<string>();
let learnt = new Map<string, string>();
let learntBefore = new Map<string, string>();

/** `domain` in lower case. One map look-up for domains of the table, two or three for others. */
export function providerOf(domain: string): string {
  const known = byDomain.get(domain) ?? learnt.get(domain);
  if (known !== undefined) return known;
  const before = learntBefore.get(domain);
  const provider = before ?? byBrand(domain);
  learnProvider(domain, provider);
  if (before === undefined && provider === OTHER && domain !== '' && waiting.size < MOST_WONDERED) waiting.add(domain);
  return provider;
}

/** A domain to be looked up, which is then no longer waited for; undefined: there is none. */
export function wondered(): string | undefined {
  const { value } = waiting.values().next();
  if (value !== undefined) waiting.delete(value);
  return value;
}

/** What an MX look-up found. Kept in two generations, so that what is asked for stays and the rest makes room. */
export function learnProvider(domain: string, provider: string): void {
  if (learnt.size >= MOST_LEARNT / 2) {
    learntBefore = learnt;
    learnt = new Map();
  }
  learnt.set(domain, provider);
}

/** The provider that a host of an MX record belongs to; 'other' when none. The trailing dot of DNS is no part of it. */
export function providerOfMx(host: string): string {
  let name = host.toLowerCase().replace(/\.$/, '');
  for (;;) {
    const provider = bySuffix.get(name);
    if (provider !== undefined) return provider;
    const dot = name.indexOf('.');
    if (dot < 0) return OTHER;
    name = name.slice(dot + 1);
  }
}

function byBrand(domain: string): string {
  const [, brand = ''] = /^([a-z]+)\.(?:[a-z]{2}|com?\.[a-z]{2})$/.exec(domain) ?? [];
  return Object.hasOwn(BRANDS, brand) ? BRANDS[brand]! : OTHER;
}

function index(names: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(names).flatMap(([provider, list]) =>
      list.split(' ').map((name): [string, string] => [name, provider]),
    ),
  );
}

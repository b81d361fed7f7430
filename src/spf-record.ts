/** The text of an SPF record becomes its terms, or what is wrong with its form (the grammar of RFC 7208 12). */
import { isIPv4, isIPv6 } from 'node:net';

export interface SpfTerm {
  /** As it is written. */
  text: string;
  /** What a match means: pass, fail, softfail, neutral. */
  qualifier: '+' | '-' | '~' | '?';
  mechanism: 'all' | 'include' | 'a' | 'mx' | 'ptr' | 'ip4' | 'ip6' | 'exists';
  /** The name, or the network of ip4 and ip6; '' where the term has none. */
  value: string;
  /** Length of the network of ip4 and ip6. */
  prefix: number;
}

export interface SpfRecord {
  terms: readonly SpfTerm[];
  redirect: string | undefined;
  /** Modifiers that nobody knows, which readers must ignore. */
  unknown: readonly string[];
  /** In words; one makes every reader reject the record as a whole. */
  faults: readonly string[];
}

const EXPAND = '%(?:\\{[slodiphv](?:0*[1-9][0-9]*)?r?[-.+,/_=]*\\}|[%_-])';
const LITERAL = '[!-$&-~]';
const TOP_LABEL = '(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])';
const DOMAIN = `(?<domain>(?:${EXPAND}|${LITERAL})*(?:\\.${TOP_LABEL}\\.?|${EXPAND}))`;
const LENGTH_4 = '(?:[0-9]|[12][0-9]|3[0-2])';
const LENGTH_6 = '(?:[0-9]|[1-9][0-9]|1[01][0-9]|12[0-8])';

const anchored = (pattern: string) => new RegExp(`^${pattern}$`, 'i');
/** What follows the name of a mechanism. */
const SHAPES: Readonly<Record<SpfTerm['mechanism'], RegExp>> = {
  all: anchored(''),
  include: anchored(`:${DOMAIN}`),
  a: anchored(`(?::${DOMAIN})?(?:/${LENGTH_4})?(?://${LENGTH_6})?`),
  mx: anchored(`(?::${DOMAIN})?(?:/${LENGTH_4})?(?://${LENGTH_6})?`),
  ptr: anchored(`(?::${DOMAIN})?`),
  ip4: anchored(`:(?<network>[0-9.]+)(?:/(?<prefix>${LENGTH_4}))?`),
  ip6: anchored(`:(?<network>[0-9a-f:.]+)(?:/(?<prefix>${LENGTH_6}))?`),
  exists: anchored(`:${DOMAIN}`),
};
const MODIFIER = /^([a-z][a-z0-9._-]*)=(.*)$/i;
const MECHANISM = /^([-+~?]?)([a-z0-9]+)(.*)$/i;
const DOMAIN_SPEC = anchored(DOMAIN);
/** `%{c}`, `%{r}`, `%{t}` belong to explanations alone, which are not looked at here. */
const MACRO_STRING = anchored(`(?:${EXPAND.replace('slodiphv', 'slodiphcrtv')}|${LITERAL})*`);
/** Of RFC 6652: they name who wants reports. */
const REPORTING = ['ra', 'rp', 'rr'];

export function isSpf(text: string): boolean {
  return /^v=spf1(?: |$)/i.test(text);
}

export function spfRecord(text: string): SpfRecord {
  const terms: SpfTerm[] = [];
  const modifiers = new Map<string, string>();
  const faults: string[] = [];
  for (const word of text.split(' ').slice(1)) {
    if (word === '') continue;
    const [, name = '', value = ''] = MODIFIER.exec(word) ?? [];
    if (name !== '') {
      const fault = modifierFault(name.toLowerCase(), value, modifiers);
      if (fault !== undefined) faults.push(fault);
      modifiers.set(name.toLowerCase(), value);
      continue;
    }
    const term = termOf(word);
    if (typeof term === 'string') faults.push(term);
    else terms.push(term);
  }
  const unknown = [...modifiers.keys()].filter((name) => !['redirect', 'exp', ...REPORTING].includes(name));
  return { terms, redirect: modifiers.get('redirect'), unknown, faults };
}

function modifierFault(name: string, value: string, before: ReadonlyMap<string, string>): string | undefined {
  const known = name === 'redirect' || name === 'exp';
  if (known && before.has(name)) return `${name}= is there twice`;
  if (!(known ? DOMAIN_SPEC : MACRO_STRING).test(value)) return `${name}= has a value that cannot be read`;
  return undefined;
}

function termOf(word: string): SpfTerm | string {
  const quoted = JSON.stringify(word.slice(0, 100));
  const [, qualifier = '', written = '', rest = ''] = MECHANISM.exec(word) ?? [];
  const mechanism = written.toLowerCase() as SpfTerm['mechanism'];
  if (!Object.hasOwn(SHAPES, mechanism)) return `${quoted} is no mechanism of SPF`;
  const shape = SHAPES[mechanism].exec(rest);
  if (shape === null) return `${quoted} cannot be read`;
  const { domain = '', network = '', prefix } = shape.groups ?? {};
  if (mechanism === 'ip4' && !isIPv4(network)) return `${quoted} has no IPv4 address`;
  if (mechanism === 'ip6' && !isIPv6(network)) return `${quoted} has no IPv6 address`;
  return {
    text: word,
    qualifier: (qualifier || '+') as SpfTerm['qualifier'],
    mechanism,
    value: domain || network,
    prefix: Number(prefix ?? (mechanism === 'ip4' ? 32 : 128)),
  };
}

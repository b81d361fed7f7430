/** Abusix Guardian Mail: addresses and domains, by key; after docs.abusix.com (production zones). */
import type { Blocklist, Lists, Meaning } from '../blocklist.ts';

const black: Record<string, Meaning> = {
  '127.0.0.2': { verdict: 'listed', meaning: 'black trap', severity: 50 },
  '127.0.0.3': { verdict: 'listed', meaning: 'black heuristic', severity: 45 },
  '127.0.0.200': { verdict: 'listed', meaning: 'black by hand', severity: 45 },
};
const dynamic: Record<string, Meaning> = {
  '127.0.0.11': { verdict: 'policy', meaning: 'generic reverse name', severity: 30 },
  '127.0.0.12': { verdict: 'policy', meaning: 'no reverse name', severity: 40 },
};

const common = {
  operator: 'Abusix',
  refusals: {},
  test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
  tier: 'ticket',
  quota: { pool: 'abusix', perDay: 100_000, terms: 'by plan' },
  everyMinutes: 30,
  needs: { key: 'abusix' },
  publicResolver: 'answered',
  delisting: {
    page: 'https://lookup.abusix.com/',
    steps: [
      'Look the address or domain up on the page: it shows the list and, with an account, samples.',
      'Black: stop the stream that hit the traps. The entry ends by itself some five days after the last of it.',
      'Reverse name: give the address of an MTA a name of its own in DNS, forward and back. For an address that does not send it is as it should be.',
      'Ask for removal from the result.',
    ],
    never: 'Ask again and again: each address has few removals.',
  },
  reviewed: '2026-11-24',
} as const satisfies Partial<Blocklist>;

export default {
  abusix: {
    ...common,
    title: 'Abusix combined',
    zone: '{key}.combined.mail.abusix.zone',
    targets: ['ipv4', 'ipv6'],
    answers: {
      model: 'codes',
      codes: { ...black, '127.0.0.4': { verdict: 'listed', meaning: 'exploit', severity: 60 }, ...dynamic },
    },
    test: {
      ...common.test,
      ipv6: { listed: { name: '::ffff:7f00:2' }, unlisted: { name: '::ffff:7f00:1' } },
    },
  },
  'abusix-black': {
    ...common,
    title: 'Abusix black',
    zone: '{key}.black.mail.abusix.zone',
    targets: ['ipv4', 'ipv6'],
    answers: { model: 'codes', codes: black },
    includedIn: 'abusix',
  },
  'abusix-dynamic': {
    ...common,
    title: 'Abusix policy',
    zone: '{key}.dynamic.mail.abusix.zone',
    targets: ['ipv4'],
    answers: { model: 'codes', codes: dynamic },
    everyMinutes: 60,
    includedIn: 'abusix',
  },
  'abusix-domain': {
    ...common,
    title: 'Abusix domains',
    zone: '{key}.dblack.mail.abusix.zone',
    targets: ['domain'],
    domains: 'registered',
    answers: {
      model: 'codes',
      codes: {
        '127.0.1.1': { verdict: 'listed', meaning: 'black domain', severity: 60 },
        '127.0.1.2': { verdict: 'info', meaning: 'newly observed', severity: 20 },
      },
    },
    test: { domain: { unlisted: { name: 'example.com' } } },
  },
} satisfies Lists as Lists;

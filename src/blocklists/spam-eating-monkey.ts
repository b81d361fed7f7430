/** Spam Eating Monkey: addresses; and its table of networks, which looks like a list and is none. After spameatingmonkey.com. */
import type { Lists } from '../blocklist.ts';

export default {
  'sem-black': {
    title: 'SEM black',
    operator: 'Spam Eating Monkey',
    zone: 'bl.spameatingmonkey.net',
    targets: ['ipv4'],
    answers: { model: 'codes', codes: { '127.0.0.2': { verdict: 'listed', meaning: 'black', severity: 10 } } },
    refusals: {},
    test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
    tier: 'info',
    quota: { pool: 'sem', perDay: 10_000, terms: 'few questions; by arrangement for more' },
    everyMinutes: 360,
    publicResolver: 'limited',
    delisting: {
      page: 'https://spameatingmonkey.com/lookup',
      steps: [
        'Look the address up on the page.',
        'End the cause; the entry ends by itself, or is removed from the result.',
      ],
    },
    reviewed: '2026-11-24',
  },
  'sem-asn': {
    title: 'SEM origin ASN',
    operator: 'Spam Eating Monkey',
    zone: 'origin.asn.spameatingmonkey.net',
    retired: { reason: 'it tells the network of every address there is, so that everything would be listed' },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;

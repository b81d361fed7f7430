/** Mailspike: addresses by reputation, and the worst of them as a list; after mailspike.org/usage. */
import type { Blocklist, Lists, Meaning } from '../blocklist.ts';

const common = {
  operator: 'Mailspike',
  targets: ['ipv4'],
  refusals: {},
  test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
  tier: 'info',
  quota: { pool: 'mailspike', perDay: 100_000, terms: 'fewer than 100 000 messages and questions a day' },
  everyMinutes: 60,
  publicResolver: 'limited',
  delisting: {
    page: 'https://mailspike.io/',
    steps: [
      'Look the address up on the page.',
      'End the burst or the complaints behind it; the reputation follows the mail of the last days and recovers by itself.',
      'Ask for a review there when it does not.',
    ],
    never: 'Ask while the volume is still unusual for the address.',
  },
  reviewed: '2026-11-24',
} as const satisfies Partial<Blocklist>;

const wave: Meaning = { verdict: 'listed', meaning: 'Z spam wave', severity: 40 };

/** Eleven grades on the scale that other services have: neutral is above 70, where concern begins, and "bad" below 50. */
const grade = (meaning: string, score: number, severity = 0): Meaning => ({
  verdict: 'score',
  meaning,
  severity,
  score,
});

export default {
  'mailspike-reputation': {
    ...common,
    title: 'Mailspike reputation',
    zone: 'rep.mailspike.net',
    answers: {
      model: 'codes',
      codes: {
        '127.0.0.10': grade('L5 worst', 0, 40),
        '127.0.0.11': grade('L4 very bad', 20, 35),
        '127.0.0.12': grade('L3 bad', 40, 25),
        '127.0.0.13': grade('L2 suspicious', 55, 10),
        '127.0.0.14': grade('L1 probably spam', 65, 5),
        '127.0.0.15': grade('neutral', 75),
        '127.0.0.16': grade('H1 probably legit', 80),
        '127.0.0.17': grade('H2 fair', 85),
        '127.0.0.18': grade('H3 good', 90),
        '127.0.0.19': grade('H4 very good', 95),
        '127.0.0.20': grade('H5 excellent', 100),
      },
    },
    absent: 'no_data',
  },
  mailspike: {
    ...common,
    title: 'Mailspike blocklist',
    zone: 'bl.mailspike.net',
    answers: {
      model: 'codes',
      codes: {
        '127.0.0.2': wave,
        '127.0.0.10': { verdict: 'listed', meaning: 'L5 worst', severity: 40 },
        '127.0.0.11': { verdict: 'listed', meaning: 'L4 very bad', severity: 35 },
        '127.0.0.12': { verdict: 'listed', meaning: 'L3 bad', severity: 25 },
      },
    },
  },
  'mailspike-z': {
    ...common,
    title: 'Mailspike Z, spam waves',
    zone: 'z.mailspike.net',
    answers: { model: 'codes', codes: { '127.0.0.2': wave } },
    includedIn: 'mailspike',
  },
} satisfies Lists as Lists;

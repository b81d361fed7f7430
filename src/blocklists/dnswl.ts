/** dnswl.org: addresses of known good senders, by kind (third octet) and trust (fourth); after dnswl.org/tech. */
import type { Lists, Meaning } from '../blocklist.ts';

/** Being known is good in itself, so that the least trust is neutral, above the line where concern begins. */
const trust = (meaning: string, score: number): Meaning => ({ verdict: 'allow', meaning, severity: 0, score });

export default {
  dnswl: {
    title: 'dnswl.org',
    operator: 'dnswl.org',
    zone: 'list.dnswl.org',
    targets: ['ipv4', 'ipv6'],
    answers: {
      model: 'codes',
      codes: {
        '127.0.2-20.0': trust('trust none', 75),
        '127.0.2-20.1': trust('trust low', 85),
        '127.0.2-20.2': trust('trust medium', 95),
        '127.0.2-20.3': trust('trust high', 100),
      },
    },
    refusals: { '127.0.0.255': 'quota', '127.0.10.*': 'special' },
    test: { ipv4: { listed: { name: '127.0.0.2', answers: ['127.0.10.0'] }, unlisted: { name: '127.0.0.1' } } },
    absent: 'not_known',
    tier: 'info',
    quota: { pool: 'dnswl', perDay: 100_000, terms: '100 000 questions in 24 hours' },
    everyMinutes: 1440,
    publicResolver: 'limited',
    delisting: {
      page: 'https://www.dnswl.org/',
      steps: ['An allowlist: being absent is not bad. The owner of a mail server may register it there.'],
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;

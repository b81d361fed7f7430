/** Hostkarma: addresses and domains by colour, white among them; after wiki.junkemailfilter.com and Haraka's dns-list.ini. */
import type { Lists, Meaning } from '../blocklist.ts';

const info = (meaning: string, severity = 0): Meaning => ({ verdict: 'info', meaning, severity });

export default {
  hostkarma: {
    title: 'Hostkarma',
    operator: 'Junk Email Filter',
    zone: 'hostkarma.junkemailfilter.com',
    targets: ['ipv4', 'domain'],
    domains: 'registered',
    answers: {
      model: 'codes',
      codes: {
        // What is a refusal elsewhere is praise here.
        '127.0.0.1': { verdict: 'allow', meaning: 'white', severity: 0 },
        '127.0.0.2': { verdict: 'listed', meaning: 'black', severity: 15 },
        '127.0.0.3': info('yellow, mixed'),
        '127.0.0.4': { verdict: 'listed', meaning: 'brown', severity: 5 },
        '127.0.0.5': info('not to be listed'),
        '127.0.1.1': info('uses QUIT'),
        '127.0.1.2': info('no QUIT'),
        '127.0.1.3': info('QUIT at times'),
        '127.0.2.1': info('domain 2 days old', 5),
        '127.0.2.2': info('domain 10 days old', 5),
        '127.0.2.3': info('domain 11 days old'),
      },
    },
    refusals: {},
    // 127.0.0.1 is white, against the rule that it never be answered: what tells a wildcard is that both get the same.
    test: {
      ipv4: {
        listed: { name: '127.0.0.2', answers: ['127.0.0.2'] },
        unlisted: { name: '127.0.0.1', answers: ['127.0.0.1'] },
      },
    },
    tier: 'info',
    quota: { pool: 'hostkarma', perDay: 10_000, terms: 'free' },
    everyMinutes: 360,
    publicResolver: 'answered',
    doubtful: 'some say it works, some that it has ended',
    delisting: {
      page: 'http://ipadmin.junkemailfilter.com/remove.php',
      steps: ['End the cause.', 'Remove the address on the page. Yellow and brown end by themselves.'],
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;

/** SURBL: domains that stand in the bodies of unwanted mail. The last octet is a sum of lists; after surbl.org and rspamd's rbl.conf. */
import type { Lists } from '../blocklist.ts';

export default {
  surbl: {
    title: 'SURBL multi',
    operator: 'SURBL',
    zone: 'multi.surbl.org',
    targets: ['domain'],
    domains: 'registered',
    answers: {
      model: 'bits',
      // 2 is unused since that list was merged into 64.
      bits: {
        4: { verdict: 'info', meaning: 'DM disposable mail', severity: 5 },
        8: { verdict: 'listed', meaning: 'PH phishing', severity: 95 },
        16: { verdict: 'listed', meaning: 'MW malware', severity: 95 },
        32: { verdict: 'info', meaning: 'CT click tracker', severity: 15 },
        64: { verdict: 'listed', meaning: 'ABUSE spam', severity: 70 },
        128: { verdict: 'listed', meaning: 'CR cracked site', severity: 70 },
      },
      refusals: { 1: 'access_blocked' },
    },
    refusals: {},
    test: { domain: { listed: { name: 'test.surbl.org' }, unlisted: { name: 'example.com' } } },
    tier: 'ticket',
    quota: {
      pool: 'surbl',
      perDay: 250_000,
      terms: 'free below 1 000 users and 250 000 messages a day, and not inside a product that is sold',
    },
    everyMinutes: 30,
    publicResolver: 'refused',
    delisting: {
      page: 'https://surbl.org/surbl-analysis',
      steps: [
        'Look the domain up on the page: it names the lists (ABUSE, PH, MW, CR) that hold it.',
        'PH, MW, CR: the site is broken into or serves what it should not. Clean it, update it, change its passwords.',
        'ABUSE: find the mail that links to the domain, your own or an affiliate’s, and end it.',
        'Ask for removal from the result page; an answer takes a day or two.',
      ],
      never: 'Ask repeatedly while the links are still being sent.',
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;

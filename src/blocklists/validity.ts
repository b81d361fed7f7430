/** Validity: Sender Score, its blocklist and its certified senders, for registered addresses; after rspamd's rbl.conf and its change of 2026-02. */
import type { Blocklist, Lists } from '../blocklist.ts';

const common = {
  operator: 'Validity',
  targets: ['ipv4'],
  // The answer to those who are not registered. Read as a number it would be a score of 255.
  refusals: { '127.255.255.255': 'unregistered' },
  needs: { registration: 'https://my.validity.com/' },
  quota: { pool: 'validity', perDay: 333, terms: '10 000 questions in 30 days, all zones together' },
  publicResolver: 'refused',
  reviewed: '2026-11-24',
} as const satisfies Partial<Blocklist>;

export default {
  'sender-score': {
    ...common,
    title: 'Sender Score',
    zone: 'score.senderscore.com',
    answers: { model: 'score', prefix: '127.0.4', meaning: 'Sender Score' },
    test: { ipv4: { unlisted: { name: '127.0.0.1' } } },
    absent: 'no_data',
    tier: 'info',
    everyMinutes: 720,
    delisting: {
      page: 'https://senderscore.org/',
      steps: [
        'Look the address up on the page: it tells which of complaints, unknown users, traps and infrastructure weighs most.',
        'Mend that one; the score is of the last 30 days and follows.',
      ],
    },
  },
  'validity-rpbl': {
    ...common,
    title: 'Validity Return Path Blocklist',
    zone: 'bl.score.senderscore.com',
    // That codes are sums is read out of the codes that others list; a sum they do not list is none the less one.
    answers: {
      model: 'bits',
      bits: {
        1: { verdict: 'listed', meaning: 'botnet', severity: 50 },
        2: { verdict: 'info', meaning: 'no authentication', severity: 5 },
        4: { verdict: 'listed', meaning: 'pristine trap', severity: 50 },
        8: { verdict: 'info', meaning: 'suspect attachment', severity: 20 },
        16: { verdict: 'listed', meaning: 'sender score', severity: 45 },
      },
    },
    test: { ipv4: { unlisted: { name: '127.0.0.1' } } },
    tier: 'ticket',
    everyMinutes: 720,
    delisting: {
      page: 'https://senderscore.org/assess/blocklist-lookup/',
      steps: [
        'Look the address up on the page.',
        'Pristine trap: an address that never belonged to anybody is on your list. Find where it came from and remove all that came with it.',
        'Botnet: clean the machine. Sender score: see the score’s own page.',
        'Ask for removal from the result.',
      ],
      never: 'Try to find and remove the trap alone.',
    },
  },
  'validity-certified': {
    ...common,
    title: 'Validity Certified senders',
    zone: 'sa-trusted.bondedsender.org',
    answers: { model: 'codes', codes: { '127.0.0.*': { verdict: 'allow', meaning: 'certified', severity: 0 } } },
    test: { ipv4: { unlisted: { name: '127.0.0.1' } } },
    absent: 'not_certified',
    tier: 'info',
    everyMinutes: 1440,
    delisting: { page: 'https://www.validity.com/', steps: ['An allowlist by contract: nobody needs to be in it.'] },
  },
} satisfies Lists as Lists;

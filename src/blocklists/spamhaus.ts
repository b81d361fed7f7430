/** Spamhaus: addresses (ZEN and its parts, AuthBL) and domains (DBL, ZRD), after docs.spamhaus.com (zones) and spamhaus.org/returnc/. */
import type { Blocklist, Lists, Meaning, Refusal } from '../blocklist.ts';

const REVIEWED = '2026-11-24';

const refusals: Record<string, Refusal> = {
  '127.255.255.252': 'zone_name',
  '127.255.255.254': 'public_resolver',
  '127.255.255.255': 'quota',
};
/** From three public programs that agree; the operator's page says no more than that such codes exist. */
const keyRefusals: Record<string, Refusal> = {
  ...refusals,
  '127.255.255.250': 'key_disabled',
  '127.255.255.251': 'key_rejected',
};

const sbl: Record<string, Meaning> = {
  '127.0.0.2': { verdict: 'listed', meaning: 'SBL', severity: 100 },
  '127.0.0.3': { verdict: 'listed', meaning: 'CSS', severity: 90 },
};
const drop: Record<string, Meaning> = {
  // Never without .2 beside it.
  '127.0.0.9': { verdict: 'listed', meaning: 'DROP', severity: 100 },
};
const bcl: Record<string, Meaning> = {
  '127.0.0.30': { verdict: 'listed', meaning: 'BCL', severity: 100 },
};
const xbl: Record<string, Meaning> = {
  '127.0.0.4': { verdict: 'listed', meaning: 'XBL', severity: 100 },
};
const xblReserved: Record<string, Meaning> = {
  '127.0.0.5-7': { verdict: 'listed', meaning: 'XBL reserved', severity: 100 },
};
const pbl: Record<string, Meaning> = {
  '127.0.0.10': { verdict: 'policy', meaning: 'PBL by the ISP', severity: 60 },
  '127.0.0.11': { verdict: 'policy', meaning: 'PBL by Spamhaus', severity: 60 },
};
const dbl: Record<string, Meaning> = {
  '127.0.1.2': { verdict: 'listed', meaning: 'spam domain', severity: 90 },
  '127.0.1.4': { verdict: 'listed', meaning: 'phish domain', severity: 100 },
  '127.0.1.5': { verdict: 'listed', meaning: 'malware domain', severity: 100 },
  '127.0.1.6': { verdict: 'listed', meaning: 'botnet C&C domain', severity: 100 },
  '127.0.1.102': { verdict: 'listed', meaning: 'abused legit spam', severity: 70 },
  '127.0.1.103': { verdict: 'listed', meaning: 'abused redirector', severity: 40 },
  '127.0.1.104': { verdict: 'listed', meaning: 'abused legit phish', severity: 80 },
  '127.0.1.105': { verdict: 'listed', meaning: 'abused legit malware', severity: 80 },
  '127.0.1.106': { verdict: 'listed', meaning: 'abused legit botnet C&C', severity: 80 },
};

const addressTest = { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } };
const domainTest = { domain: { listed: { name: 'dbltest.com' }, unlisted: { name: 'example.com' } } };

const freeTerms =
  'not commercial, fewer than 100 000 SMTP connections and 300 000 questions a day, from a resolver of one’s own';
const quota = { pool: 'spamhaus', perDay: 300_000, terms: freeTerms };
const keyQuota = {
  pool: 'spamhaus-dqs',
  perDay: 300_000,
  terms: 'as the public mirrors with a free key; by contract with a paid one',
};

const addressDelisting: Blocklist['delisting'] = {
  page: 'https://check.spamhaus.org/',
  steps: [
    'Look the address up on the page: it names the list (SBL, CSS, XBL, PBL, DROP, BCL) and what was seen.',
    'SBL, DROP, BCL: the record is written by hand and closed by hand. End what it describes, then have the network’s owner (for most, the provider’s abuse desk) answer with what was done.',
    'CSS: stop the stream that caused it, mostly a cold list or a spam trap hit; then ask for removal on the page. Left alone and quiet it expires by itself.',
    'XBL: find the infected or open machine behind the address, clean it, close port 25 outwards for all but the MTA; then ask for removal.',
    'PBL: normal for addresses that are not to send. For a mail server’s own static address, set its PTR record, then exclude it on the page, or ask the provider to.',
  ],
  never:
    'Ask for removal before the cause is gone: the next listing stays longer. Nor pay anybody: Spamhaus takes no money for removals.',
};
const domainDelisting: Blocklist['delisting'] = {
  page: 'https://check.spamhaus.org/',
  steps: [
    'Look the domain up on the page and read which class it is in.',
    'Spam domain: find the stream that links to it or sends under it, and end it: a bought list, an affiliate, a customer.',
    'Abused legit: the site or its redirector is broken into. Clean it, change its passwords, take the uploaded pages away.',
    'Ask for removal on the page, saying what was changed.',
  ],
  never: 'Move the same mail to a new domain: new domains are watched, and the old listing follows.',
};

const zen = {
  operator: 'Spamhaus',
  targets: ['ipv4', 'ipv6'],
  answers: { model: 'codes', codes: { ...sbl, ...xbl, ...xblReserved, ...drop, ...pbl, ...bcl } },
  test: addressTest,
  tier: 'page',
  delisting: addressDelisting,
  reviewed: REVIEWED,
} as const satisfies Partial<Blocklist>;

/** A part of ZEN, for old configurations that name it. */
const part = {
  operator: 'Spamhaus',
  targets: ['ipv4', 'ipv6'],
  refusals,
  test: addressTest,
  tier: 'page',
  quota,
  everyMinutes: 30,
  publicResolver: 'refused',
  includedIn: 'spamhaus-zen',
  delisting: addressDelisting,
  reviewed: REVIEWED,
} as const satisfies Partial<Blocklist>;

const withKey = {
  operator: 'Spamhaus',
  refusals: keyRefusals,
  needs: { key: 'spamhaus_dqs' },
  quota: keyQuota,
  publicResolver: 'answered',
  reviewed: REVIEWED,
} as const satisfies Partial<Blocklist>;

export default {
  'spamhaus-zen': {
    ...zen,
    title: 'Spamhaus ZEN',
    zone: 'zen.spamhaus.org',
    refusals,
    quota,
    everyMinutes: 30,
    // Some public resolvers say "no such name" instead: only the test entry shows it.
    publicResolver: 'refused',
    includedIn: 'spamhaus-zen-dqs',
  },
  'spamhaus-zen-dqs': {
    ...zen,
    ...withKey,
    title: 'Spamhaus ZEN by key',
    zone: '{key}.zen.dq.spamhaus.net',
    everyMinutes: 10,
  },
  'spamhaus-sbl': {
    ...part,
    title: 'Spamhaus SBL',
    zone: 'sbl.spamhaus.org',
    answers: { model: 'codes', codes: { ...sbl, ...drop, ...bcl } },
  },
  'spamhaus-xbl': {
    ...part,
    title: 'Spamhaus XBL',
    zone: 'xbl.spamhaus.org',
    targets: ['ipv4'],
    answers: { model: 'codes', codes: xbl },
  },
  'spamhaus-pbl': {
    ...part,
    title: 'Spamhaus PBL',
    zone: 'pbl.spamhaus.org',
    answers: { model: 'codes', codes: pbl },
  },
  'spamhaus-sbl-xbl': {
    ...part,
    title: 'Spamhaus SBL and XBL',
    zone: 'sbl-xbl.spamhaus.org',
    answers: { model: 'codes', codes: { ...sbl, ...xbl, ...drop } },
  },
  cbl: {
    ...part,
    title: 'CBL, another name of what XBL holds',
    zone: 'cbl.abuseat.org',
    targets: ['ipv4'],
    answers: { model: 'codes', codes: { '127.0.0.2': { verdict: 'listed', meaning: 'CBL', severity: 100 } } },
  },
  'spamhaus-dbl': {
    title: 'Spamhaus DBL',
    operator: 'Spamhaus',
    zone: 'dbl.spamhaus.org',
    targets: ['domain'],
    domains: 'as_given',
    answers: { model: 'codes', codes: dbl },
    refusals: { ...refusals, '127.0.1.255': 'ip_question' },
    test: domainTest,
    tier: 'page',
    quota,
    everyMinutes: 30,
    publicResolver: 'refused',
    includedIn: 'spamhaus-dbl-dqs',
    delisting: domainDelisting,
    reviewed: REVIEWED,
  },
  'spamhaus-dbl-dqs': {
    ...withKey,
    title: 'Spamhaus DBL by key',
    zone: '{key}.dbl.dq.spamhaus.net',
    targets: ['domain'],
    domains: 'as_given',
    answers: { model: 'codes', codes: dbl },
    refusals: { ...keyRefusals, '127.0.1.255': 'ip_question' },
    test: domainTest,
    tier: 'page',
    everyMinutes: 10,
    delisting: domainDelisting,
  },
  'spamhaus-zrd': {
    ...withKey,
    title: 'Spamhaus ZRD, domains first seen within a day',
    zone: '{key}.zrd.dq.spamhaus.net',
    targets: ['domain'],
    domains: 'registered',
    // The last octet is the hour, rounded up: .2 within two hours, .24 within the last of the day.
    answers: { model: 'codes', codes: { '127.0.2.2-24': { verdict: 'info', meaning: 'new domain', severity: 20 } } },
    refusals: { ...keyRefusals, '127.0.2.255': 'ip_question' },
    test: { domain: { unlisted: { name: 'example.com' } } },
    tier: 'info',
    everyMinutes: 60,
    delisting: {
      page: 'https://check.spamhaus.org/',
      steps: [
        'Wait: an entry ends by itself 24 hours after the domain was first seen. Send nothing from a domain on its first day.',
      ],
    },
  },
  'spamhaus-authbl': {
    ...withKey,
    title: 'Spamhaus AuthBL, addresses that guess passwords',
    zone: '{key}.authbl.dq.spamhaus.net',
    targets: ['ipv4', 'ipv6'],
    answers: { model: 'codes', codes: { '127.0.0.20': { verdict: 'listed', meaning: 'AuthBL', severity: 40 } } },
    test: { ipv4: { unlisted: { name: '127.0.0.1' } } },
    tier: 'info',
    everyMinutes: 60,
    delisting: {
      page: 'https://check.spamhaus.org/',
      steps: [
        'Find the machine behind the address that tries passwords on other people’s servers, and clean it.',
        'Ask for removal on the page. It says nothing of the mail itself: receivers use it for log-ins.',
      ],
    },
  },
  'spamhaus-swl': {
    title: 'Spamhaus SWL and DWL (allowlists)',
    operator: 'Spamhaus',
    zone: 'swl.spamhaus.org',
    retired: { since: '2018-12-12', reason: 'the allowlists are no longer supported' },
    reviewed: REVIEWED,
  },
} satisfies Lists as Lists;

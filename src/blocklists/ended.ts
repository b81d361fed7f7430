/** Lists that have ended, and how: they live on in defaults and old configurations, where they list nothing for ever, or everything. */
import type { Lists } from '../blocklist.ts';

const reviewed = '2026-11-24';

export default {
  nixspam: {
    title: 'NiX Spam',
    operator: 'heise and manitu',
    zone: 'ix.dnsbl.manitu.net',
    retired: { since: '2025-01-16', reason: 'the zone is served without entries, so that everything would look clear' },
    reviewed,
  },
  sorbs: {
    title: 'SORBS, all zones',
    operator: 'Proofpoint',
    zone: 'dnsbl.sorbs.net',
    retired: { since: '2024-06-05', reason: 'decommissioned, all zones emptied' },
    reviewed,
  },
  lashback: {
    title: 'LashBack UBL',
    operator: 'LashBack',
    zone: 'ubl.unsubscore.com',
    retired: { since: 'before 2026-11', reason: 'offline' },
    reviewed,
  },
  spamcannibal: {
    title: 'SpamCannibal',
    operator: '',
    zone: 'bl.spamcannibal.org',
    retired: { since: '2018', reason: 'the domain lapsed and is parked: every name there has an address' },
    reviewed,
  },
  emailbasura: {
    title: 'Email Basura',
    operator: '',
    zone: 'bl.emailbasura.org',
    retired: { since: '2021', reason: 'the domain lapsed: every name there has an address' },
    reviewed,
  },
  megarbl: {
    title: 'MegaRBL',
    operator: '',
    zone: 'rbl.megarbl.net',
    retired: { since: '2019-11', reason: 'the domain lapsed: every name there has an address' },
    reviewed,
  },
  msrbl: {
    title: 'MSRBL',
    operator: '',
    zone: 'combined.rbl.msrbl.net',
    retired: {
      since: 'before 2026-11',
      reason: 'the domain lapsed twice, and each time every name there had an address',
    },
    reviewed,
  },
  inps: {
    title: 'inps.de',
    operator: '',
    zone: 'dnsbl.inps.de',
    retired: { since: '2020-05', reason: 'closed by its operator' },
    reviewed,
  },
} satisfies Lists as Lists;

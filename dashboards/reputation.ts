/** What others think of our addresses and domains: which lists hold them, which cannot say, scores, and what DNS tells of them. */
import { FieldTextAlignment } from '@grafana/grafana-foundation-sdk/common';
import { dashboard } from './parts/board.ts';
import { CLICKED, cell, links, onlyThis, to, UIDS } from './parts/links.ts';
import { COLOURS, counts, NO_CELL, PALE, words } from './parts/looks.ts';
import {
  atLeast,
  COLOURED,
  FILLED,
  figure,
  HIDDEN,
  leastFirst,
  matrix,
  perMinute,
  STATE,
  series,
  stacked,
  state,
  states,
  table,
  trend,
  unit,
  width,
  worstFirst,
} from './parts/panels.ts';
import { query, where, worst } from './parts/queries.ts';
import { CERTIFICATE, REPUTATION, sum } from './parts/rates.ts';

const FILTERS = ['target', 'list'] as const;
const TARGET = where(['target']);
const BOTH = where(FILTERS);

/** src/reading.ts: a verdict that is none of these says nothing about the target. */
const UNKNOWN = 'refused|error|unsupported|unknown_code';

// --- Now -----------------------------------------------------------------------------------------------------------------

const listed = (tier: string): string =>
  `count(max by (list, target) (list_target:email_blocklist:listed${where(FILTERS, `tier="${tier}"`)}) == 1) or 0 * max(deliverability_exporter_build_info)`;
const tiles = [
  state(
    'Listings that need somebody',
    listed('page'),
    counts('None', COLOURS.critical),
    'Addresses and domains times lists that hold them, of those lists that cost deliveries at once.',
  ),
  state(
    'Other listings',
    listed('ticket'),
    counts('None', COLOURS.high),
    'The same for lists that are worth a look in working hours.',
  ),
  state(
    'Lists that cannot answer',
    `count(max by (list) (email_blocklist_health${where(['list'], 'state!~"healthy|unknown"')}) == 1) or 0 * max(deliverability_exporter_build_info)`,
    counts('None', COLOURS.unknown),
    'Lists that their own test entries show to be dead, refusing us or answering everything: what they say counts for nothing.',
  ),
  figure(
    'Questions without a verdict',
    `sum(max by (list, target) (email_blocklist_verdict${where(FILTERS, `verdict=~"${UNKNOWN}"`)}) or 0 * max by (list, target) (email_blocklist_verdict${BOTH})) / count(max by (list, target) (email_blocklist_verdict${BOTH}))`,
    'percentunit',
    'Share of pairs of target and list whose last answer says nothing. Not listed, and not clear either.',
  ).decimals(0),
  state(
    'DNS checks that fail',
    `count(max by (check, target) (email_dns_check_passed${TARGET}) == 0) or 0 * max(deliverability_exporter_build_info)`,
    counts('None', COLOURS.high),
    'Checks of SPF, DKIM, DMARC, reverse DNS and the rest, that came to a definite and bad result.',
  ),
];

const PAIR = 'target, list';
const tier = (name: string): string => `email_blocklist_listing_info${where(FILTERS, `tier="${name}"`)}`;
/** As grave as the alert that comes of it. */
const listing = `max by (target, list, meaning, delisting_url) (5 * ${tier('page')} or 4 * ${tier('ticket')} or ${tier('info')})`;
const listings = table(
  'Listings',
  'Which list holds what, how grave that is, why, and how old its last definite word is. Click a name for where to get off.',
  [
    { refId: 'state', name: 'State', expr: listing, look: STATE },
    {
      label: 'target',
      name: 'Target',
      look: [
        atLeast(130),
        links(onlyThis('reputation', 'target'), {
          title: 'Get off this list',
          url: cell('Delisting'),
          targetBlank: true,
        }),
      ],
    },
    { label: 'list', name: 'List', look: [atLeast(120), links(onlyThis('reputation', 'list'))] },
    { label: 'meaning', name: 'Meaning', look: [atLeast(160)] },
    { label: 'delisting_url', name: 'Delisting', look: HIDDEN },
    {
      refId: 'age',
      name: 'Last told',
      expr: `max by (${PAIR}) (time() - email_blocklist_last_definite_timestamp_seconds${BOTH})\nand on (${PAIR}) ${listing}`,
      look: [...unit('s', 0), width(90)],
    },
  ],
)
  .noValue('No list holds anything')
  .sortBy(worstFirst('State'));

const CHECKS = ['spf', 'dkim', 'dmarc', 'fcrdns', 'mx', 'mx-certificate', 'mta-sts', 'tls-rpt', 'bimi'] as const;
const checks = matrix(
  'DNS checks',
  'What DNS tells receivers of each domain and address. A dash: nobody could say, or it is nothing to be checked of it. Click a name to see it alone.',
  {
    expr: `max by (target, check) (email_dns_check_passed${TARGET})`,
    rows: { label: 'target', name: 'Target', look: [width(158), links(onlyThis('reputation', 'target'))] },
    columns: 'check',
    known: CHECKS,
  },
)
  .unit('none')
  .mappings([words({ 0: ['Fails', COLOURS.high], 1: ['✓', PALE] }), NO_CELL])
  .cellOptions(FILLED)
  .align(FieldTextAlignment.Center)
  .minWidth(60)
  .overrideByName('mx-certificate', [width(112)]);

// --- Over time -----------------------------------------------------------------------------------------------------------

/** Pairs by verdict, as rules record them for here: a thousand addresses times forty lists are too many to be read over days. */
const verdicts = (verdict: string): string =>
  sum('target', `target:email_blocklist_verdicts:count${where(['target'], `verdict=~"${verdict}"`)}`);
const all = sum('target', `target:email_blocklist_verdicts:count${TARGET}`);
const held = (tier: string): string =>
  `(max by (target) (list_target:email_blocklist:listed${where(FILTERS, `tier="${tier}"`)}) == 1)`;
const standing = states(
  'Listed, unknown, clear',
  worst(
    20,
    'target',
    `5 * ${held('page')}\nor 4 * ${held('ticket')}\nor 0 * (${verdicts('listed|policy|info|allow|score|clear')} > 0)\nor 0 * ${all} - 1`,
    { worse: 'above' },
    'ever',
  ),
  '{{target}}',
  'Red: on a list that costs deliveries. Orange: on another. Green: no list that answers holds it. Purple: no list gives a definite answer. Nothing: not asked. The twenty that were worst at some time.',
  [
    words({
      '-1': ['Unknown', COLOURS.unknown],
      0: ['Clear', COLOURS.fine],
      4: ['Listed', COLOURS.high],
      5: ['Listed, costs deliveries', COLOURS.critical],
    }),
  ],
);

const STATES_OF_LISTS = ['healthy', 'unknown', 'dead', 'wildcard', 'parked', 'refused', 'unreachable', 'interfered'];
const health = states(
  'Health of lists',
  STATES_OF_LISTS.map(
    (name, i) => `${i} * (max by (list) (list:email_blocklist_health:max${where(['list'], `state="${name}"`)}) == 1)`,
  ).join('\nor '),
  '{{list}}',
  "What each list's own test entries show. Only a healthy list can say that something is clear.",
  [
    words(
      Object.fromEntries(
        STATES_OF_LISTS.map((name, i) => [
          String(i),
          [name, i === 0 ? COLOURS.fine : i === 1 ? COLOURS.unknown : COLOURS.medium] as const,
        ]),
      ),
    ),
  ],
);

const scores = trend(
  'Reputation scores',
  'none',
  worst(8, 'service, target', `target:email_reputation_score:max${TARGET}`, REPUTATION, 'ever'),
  REPUTATION,
  'Of 100, by service and target; the eight that were lowest at some time. Dashed: the thresholds.',
  '{{target}} {{service}}',
)
  .min(0)
  .max(100);

const answers = series(
  'Answers of lists',
  'short',
  'Pairs of target and list by what the last question came to. Only listed, policy, info, allow, score and clear are answers.',
)
  .withTarget(query('A', sum('verdict', `target:email_blocklist_verdicts:count${TARGET}`), { legend: '{{verdict}}' }))
  .fillOpacity(30)
  .stacking(stacked())
  .overrideByName('clear', [{ id: 'color', value: { mode: 'fixed', fixedColor: COLOURS.fine } }])
  .overrideByName('listed', [{ id: 'color', value: { mode: 'fixed', fixedColor: COLOURS.critical } }])
  .overrideByRegexp(`^(${UNKNOWN})$`, [{ id: 'color', value: { mode: 'fixed', fixedColor: COLOURS.unknown } }]);

// --- Details -------------------------------------------------------------------------------------------------------------

const problems = table('Problems found', 'What receivers refuse or distrust mail for, by check and target.', [
  { label: 'target', name: 'Target', look: [atLeast(140), links(onlyThis('reputation', 'target'))] },
  { label: 'check', name: 'Check', look: [atLeast(90)] },
  { label: 'problem', name: 'Problem', look: [atLeast(160)] },
  {
    refId: 'problem',
    name: 'There',
    expr: `max by (target, check, problem) (email_dns_check_problem${TARGET})`,
    look: [],
    drop: true,
  },
]).noValue('No problem was found');

const certificates = table(
  'Certificates',
  'How long the certificates last that hosts of our domains show to senders.',
  [
    { label: 'target', name: 'Target', look: [atLeast(130)] },
    { label: 'host', name: 'Host', look: [atLeast(150)] },
    {
      refId: 'left',
      name: 'Left',
      expr: `min by (target, host) (email_tls_certificate_expiry_timestamp_seconds${TARGET}) - time()`,
      limit: CERTIFICATE,
      look: [...unit('s', 0), COLOURED, width(100)],
    },
  ],
)
  .noValue('No certificate was seen')
  .sortBy(leastFirst('Left'));

const lists = table(
  'Lists',
  'How often each list is asked about one target, how many wait because its allowance is used up, and how many pairs are listed, clear or unknown.',
  [
    { label: 'list', name: 'List', look: [atLeast(140), links(to('reputation', 'Only this list', { list: CLICKED }))] },
    ...(
      [
        ['listed', 'Listed', 'listed'],
        ['clear', 'Clear', 'policy|info|allow|score|clear'],
        ['unknown', 'Unknown', UNKNOWN],
      ] as const
    ).map(([refId, name, verdict]) => ({
      refId,
      name,
      expr: `count by (list) (max by (list, target) (email_blocklist_verdict${where(FILTERS, `verdict=~"${verdict}"`)}))`,
      look: [width(90)],
    })),
    {
      refId: 'interval',
      name: 'Asked every',
      expr: `max by (list) (email_blocklist_interval_seconds${where(['list'])})`,
      look: [...unit('s', 0), width(105)],
    },
    {
      refId: 'waiting',
      name: 'Waiting',
      expr: `max by (list) (email_blocklist_waiting_targets${where(['list'])})`,
      look: [width(85)],
    },
  ],
).sortBy(worstFirst('Listed', 'Unknown'));

const questions = perMinute(
  'Questions to name servers',
  'outcome',
  'rate(deliverability_exporter_dns_queries_total[$__rate_interval])',
  'Per minute, by how they ended.',
);

export default dashboard({
  uid: UIDS.reputation,
  title: 'Reputation and blocklists',
  description:
    'Which lists hold our addresses and domains, which cannot say, how healthy the lists are, reputation scores, and DNS checks.',
  filters: FILTERS,
  from: 'now-24h',
  top: [
    { height: 4, panels: tiles.map((tile, i) => [i + 1, i === 3 ? 4 : 5, tile] as const) },
    {
      height: 9,
      panels: [
        [6, 12, listings],
        [7, 12, checks],
      ],
    },
    {
      height: 9,
      panels: [
        [8, 12, standing],
        [9, 12, health],
      ],
    },
    {
      height: 8,
      panels: [
        [10, 12, scores],
        [11, 12, answers],
      ],
    },
  ],
  rows: [
    {
      row: 'Details',
      id: 20,
      closed: true,
      lines: [
        {
          height: 9,
          panels: [
            [21, 12, problems],
            [22, 12, certificates],
          ],
        },
        {
          height: 9,
          panels: [
            [23, 14, lists],
            [24, 10, questions],
          ],
        },
      ],
    },
  ],
});

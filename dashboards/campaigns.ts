/** Campaigns side by side, the shown period against the one before it, and which of them does harm. */
import { dashboard } from './parts/board.ts';
import { cell, links, onlyThis, to, UIDS } from './parts/links.ts';
import {
  atLeast,
  COLOURED,
  type Column,
  STATE,
  series,
  table,
  trend,
  unit,
  width,
  worstFirst,
} from './parts/panels.ts';
import { firing, type Limit, query, where, worst } from './parts/queries.ts';
import { CAMPAIGN_BOUNCE, CAMPAIGN_COMPLAINT, sum } from './parts/rates.ts';

const FILTERS = ['sending_domain', 'campaign'] as const;
const BY = 'sending_domain, campaign';

/** Messages of the shown period from what is recorded of each hour, every five minutes one: each message is in twelve of them. */
const total = (what: string, before = ''): string =>
  `(${sum(BY, `sum_over_time(campaign:email_${what}:increase1h${where(FILTERS)}[$__range:5m]${before}`)}) / 12)`;
const BEFORE = ' offset $__range';

/** One fresh bad address in a campaign of ten is no rate. */
const judged = (before = ''): string =>
  `((${total('delivered', before)} + ${total('bounced', before)}) >= scalar(max(email_threshold:campaign_min_events)))`;
const share = (what: string, before = ''): string =>
  what === 'bounced'
    ? `${total(what, before)} / ${judged(before)}`
    : `${total(what, before)} / (${total('delivered', before)} >= scalar(max(email_threshold:campaign_min_events)))`;

const ofPeriod = (what: string, name: string, limit?: Limit): Column[] => [
  {
    refId: what,
    name,
    expr: share(what),
    ...(limit && { limit }),
    look: [...unit('percentunit', what === 'complaints' ? 3 : 1), ...(limit ? [COLOURED] : []), width(104)],
  },
  {
    refId: `${what}_before`,
    name: `${name} before`,
    expr: share(what, BEFORE),
    look: [...unit('percentunit', what === 'complaints' ? 3 : 1), width(140)],
  },
];

const compared = table(
  'Campaigns, worst first',
  'The shown time, and "before" it a time as long. Rates of bounces are of what concluded, the others of what was delivered; opens are of people, not machines. To about an hour at either end. A dash: too little to judge.',
  [
    {
      label: 'campaign',
      name: 'Campaign',
      look: [
        atLeast(150),
        links(onlyThis('campaigns', 'campaign'), to('overview', 'Its domain', { sending_domain: cell('Domain') })),
      ],
    },
    { label: 'sending_domain', name: 'Domain', look: [atLeast(150), links(onlyThis('campaigns', 'sending_domain'))] },
    {
      refId: 'state',
      name: 'State',
      expr: `max by (${BY}) (\n${firing(FILTERS, 'campaign!=""')}\n)\nor 0 * ${total('delivered')}`,
      look: STATE,
    },
    { refId: 'delivered', name: 'Delivered', expr: `round(${total('delivered')})`, look: [width(90)] },
    {
      refId: 'delivered_change',
      name: 'Change',
      expr: `${total('delivered')} / (${total('delivered', BEFORE)} > 0) - 1`,
      look: [...unit('percentunit', 0), width(80)],
    },
    ...ofPeriod('bounced', 'Bounced', CAMPAIGN_BOUNCE),
    ...ofPeriod('complaints', 'Complaints', CAMPAIGN_COMPLAINT),
    ...ofPeriod('opens', 'Opened'),
    ...ofPeriod('clicks', 'Clicked'),
  ],
).sortBy(worstFirst('State', 'Bounced'));

const least = 'on (campaign) group_left () campaign:email_threshold:campaign_min_events';
const hour = (what: string): string => sum(BY, `campaign:email_${what}:increase1h${where(FILTERS)}`);
const WORST_SIX = 'of the six campaigns that were worst at some time; nothing where there was too little to judge.';

const bounceTrend = trend(
  'Bounce rate by campaign',
  'percentunit',
  worst(
    6,
    'campaign',
    `max by (campaign) (campaign:email_bounced:ratio_rate1h${where(FILTERS)} and campaign:email_bounced:samples1h >= ${least})`,
    CAMPAIGN_BOUNCE,
    'ever',
  ),
  CAMPAIGN_BOUNCE,
  `Bounced of what concluded in an hour, ${WORST_SIX} Dashed: the threshold.`,
  '{{campaign}}',
).decimals(1);
const complaintTrend = trend(
  'Complaint rate by campaign',
  'percentunit',
  worst(
    6,
    'campaign',
    `max by (campaign) (campaign:email_complaints:ratio_rate1h${where(FILTERS)} and campaign:email_complaints:samples1h >= ${least})`,
    CAMPAIGN_COMPLAINT,
    'ever',
  ),
  CAMPAIGN_COMPLAINT,
  `Spam reports of an hour by the busiest hour of the day, ${WORST_SIX} Dashed: the threshold.`,
  '{{campaign}}',
).decimals(2);
const openTrend = series(
  'Open rate by campaign',
  'percentunit',
  'Opens of people in an hour by the busiest hour of the day, for opens trail their mail. The six that were lowest at some time.',
).withTarget(
  query(
    'A',
    worst(
      6,
      'campaign',
      `sum by (campaign) (campaign:email_opens:increase1h${where(FILTERS)}) / (sum by (campaign) (campaign:email_complaints:samples1h${where(FILTERS)}) >= scalar(max(email_threshold:campaign_min_events)))`,
      { worse: 'below' },
      'ever',
    ),
    { legend: '{{campaign}}' },
  ),
);

const now = 'this period';
const before = 'the period before';
const against = (what: 'delivered' | 'bounced', title: string, description: string) =>
  series(title, 'short', description)
    .axisLabel('per minute')
    .withTarget(query('A', `sum(${hour(what)}) / 60`, { legend: now }))
    .withTarget(
      query('before', `sum(campaign:email_${what}:increase1h${where(FILTERS)} offset $__range) / 60`, {
        legend: before,
      }),
    )
    .overrideByName(now, [{ id: 'custom.lineWidth', value: 2 }])
    .overrideByName(before, [
      { id: 'color', value: { mode: 'fixed', fixedColor: 'text' } },
      { id: 'custom.lineStyle', value: { fill: 'dot', dash: [2, 4] } },
    ]);

const lastHour = (metric: string, ...more: string[]): string =>
  sum(BY, `increase(${metric}${where(FILTERS, ...more)}[1h])`);
const results = 'email_campaign_authentication_results_total';
const failed = (method: string): string =>
  `${lastHour(results, `method="${method}"`, 'result=~"fail|permerror"')} / (${lastHour(results, `method="${method}"`)} > 0)`;
const content = table(
  'Content and authentication, last hour',
  'What content filters and receivers found, where a source tells: the highest measured score, share that filters took for spam, shares whose SPF, DKIM or DMARC failed.',
  [
    { label: 'campaign', name: 'Campaign', look: [atLeast(150), links(onlyThis('campaigns', 'campaign'))] },
    { label: 'sending_domain', name: 'Domain', look: [atLeast(150)] },
    {
      refId: 'score',
      name: 'Spam score',
      expr: `max by (${BY}) (campaign:email_measurement_spam_score:max${where(FILTERS)})`,
      look: [...unit('none', 1), width(110)],
    },
    {
      refId: 'spam',
      name: 'Taken for spam',
      expr: `${lastHour('email_campaign_spam_verdicts_total', 'verdict="spam"')} / (${lastHour('email_campaign_spam_verdicts_total')} > 0)`,
      look: [...unit('percentunit', 1), width(130)],
    },
    ...['spf', 'dkim', 'dmarc'].map(
      (method): Column => ({
        refId: method,
        name: `${method.toUpperCase()} failed`,
        expr: failed(method),
        look: [...unit('percentunit', 1), width(110)],
      }),
    ),
  ],
).sortBy(worstFirst('Spam score'));

export default dashboard({
  uid: UIDS.campaigns,
  title: 'Campaigns',
  description:
    'Campaigns side by side and against the period before: what was delivered, refused, complained of, read.',
  filters: FILTERS,
  from: 'now-24h',
  top: [
    { height: 11, panels: [[1, 24, compared]] },
    {
      height: 8,
      panels: [
        [2, 8, bounceTrend],
        [3, 8, complaintTrend],
        [4, 8, openTrend],
      ],
    },
    {
      height: 8,
      panels: [
        [
          5,
          12,
          against(
            'delivered',
            'Delivered, against the period before',
            'Messages of all chosen campaigns, per minute, over the hour before each moment; dotted, a shown time earlier.',
          ),
        ],
        [6, 12, against('bounced', 'Bounced, against the period before', 'The same for messages that bounced.')],
      ],
    },
  ],
  rows: [{ row: 'Content', id: 10, closed: true, lines: [{ height: 8, panels: [[11, 24, content]] }] }],
});

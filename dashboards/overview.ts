/**
 * Is mail fine, and if not, which domain and which provider? State and three tiles first, then what is worst by name, then the
 * course of it, then where to look next.
 */
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphDrawStyle,
  HeatmapCellLayout,
  ScaleDistribution,
  ScaleDistributionConfigBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  PanelBuilder as Heatmap,
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  RowsHeatmapOptionsBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { dashboard, linkTo } from './parts/board.ts';
import { STATES } from './parts/looks.ts';
import {
  amounts,
  atLeast,
  COLOURED,
  flow,
  last,
  ratioTrend,
  STATE,
  series,
  stacked,
  table,
  tile,
  trend,
  unit,
  width,
  worstFirst,
} from './parts/panels.ts';
import { firing, firingSince, PROMETHEUS, query, where, worst } from './parts/queries.ts';
import { BOUNCES, byDomainEvident, COMPLAINTS, DELIVERY, INBOXED, RESOURCE, sum } from './parts/rates.ts';

const UID = 'deliverability-overview';

// --- The top: what is wrong, and where -----------------------------------------------------------------------------------

const state = new Stat()
  .title('Mail right now')
  .description(
    'The worst severity that fires, of everything chosen above. "Fine" needs an exporter that is being scraped; without one it says "No data".',
  )
  .datasource(PROMETHEUS)
  .withTarget(
    query('A', `max(\n${firing()}\n)\nor 0 * max(deliverability_exporter_build_info)`, {
      instant: true,
      legend: 'state',
    }),
  )
  .unit('none')
  .mappings(STATES)
  .noValue('No data')
  .reduceOptions(last())
  .textMode(BigValueTextMode.Value)
  .colorMode(BigValueColorMode.Background)
  .graphMode(BigValueGraphMode.None);

const bounceTile = tile(
  'Bounce rate',
  BOUNCES,
  2,
  'Bounced of all that concluded (bounced + delivered) in 15 minutes: all mail, and the worst domain that sent enough to judge. Colours are the thresholds in force. A deferral is not a bounce.',
);
const inboxTile = tile(
  'Inbox rate',
  INBOXED,
  1,
  'Share of measured mail that reached the inbox, as pushed by seed-list or panel services, weighted by sample size: all mail, and the worst domain.',
).noValue('Nobody measures it');
// Without the change in percent: most half-hours begin without a complaint, and every change from none is infinite.
const complaintTile = tile(
  'Complaint rate',
  COMPLAINTS,
  3,
  'Spam reports of 30 minutes by what was delivered in the busiest 30 minutes of the last day: all mail, and the worst domain that sent enough to judge.',
).showPercentChange(false);

/** What alerts are about, in the order in which it is read. */
const WHERE = ['sending_domain', 'target', 'sending_ip', 'provider', 'campaign', 'list', 'check', 'source', 'instance'];
const named = (expr: string): string =>
  `label_join(\n${expr},\n"where", " ", ${WHERE.map((label) => `"${label}"`).join(', ')})`;
const alertTable = table(
  'Active alerts',
  'What fires now, worst first. A critical alert stands for its own high one.',
  [
    { refId: 'state', name: 'State', expr: `max by (alertname, where) (${named(firing())})`, look: STATE },
    { label: 'alertname', name: 'Alert', look: [atLeast(158)] },
    { label: 'where', name: 'Where', look: [atLeast(125)] },
    {
      refId: 'since',
      name: 'Since',
      expr: `1000 * min by (alertname, where) (${named(firingSince)})`,
      look: [...unit('dateTimeFromNow'), width(96)],
    },
  ],
)
  .noValue('No alert fires')
  .sortBy(worstFirst('State', 'Since'));

const concludedByDomain = sum('sending_domain', BOUNCES.whole);
const domains = table(
  'Domains, worst first',
  'Each sending domain: its worst alert, bounce rate (15 min), complaint rate (30 min), inbox rate, and how much mail concluded in 15 minutes. A dash: too little to judge. Click a name to see it alone.',
  [
    { label: 'sending_domain', name: 'Domain', look: [atLeast(145), linkTo(UID, 'sending_domain')] },
    {
      refId: 'state',
      name: 'State',
      expr: `max by (sending_domain) (\n${firing('sending_domain!=""')}\n)\nor 0 * ${concludedByDomain}`,
      look: STATE,
    },
    {
      refId: 'bounced',
      name: 'Bounced',
      expr: byDomainEvident(BOUNCES),
      limit: BOUNCES.limit,
      look: [...unit('percentunit', 1), COLOURED, width(95)],
    },
    {
      refId: 'complaints',
      name: 'Spam',
      expr: byDomainEvident(COMPLAINTS),
      limit: COMPLAINTS.limit,
      look: [...unit('percentunit', 2), COLOURED, width(65)],
    },
    {
      refId: 'inbox',
      name: 'Inbox',
      expr: byDomainEvident(INBOXED),
      limit: INBOXED.limit,
      look: [...unit('percentunit', 0), COLOURED, width(60)],
    },
    { refId: 'mail', name: 'Mail', expr: `round(${concludedByDomain})`, look: [width(65)] },
  ],
).sortBy(worstFirst('State', 'Bounced'));

/** Of one metric by provider, over the window of the bounce alert. */
const toward = (metric: string, by = 'provider'): string => sum(by, `increase(${metric}${where(RESOURCE)}[15m])`);
const delivered = toward('email_delivered_total');
const bounced = `(${toward('email_bounced_total')} or 0 * ${delivered})`;
const deferred = `(${toward('email_deferred_total')} or 0 * ${delivered})`;
const concluded = `(${delivered} + ${bounced})`;
const judged = `(${concluded} >= scalar(max(${BOUNCES.least!.samples})))`;

const providers = table(
  'Providers, worst first',
  'The last 15 minutes toward each mailbox provider: share that bounced, attempts that were put off, and how much mail concluded. A dash: too little to judge. Click a name to see it alone.',
  [
    { label: 'provider', name: 'Provider', look: [atLeast(110), linkTo(UID, 'provider')] },
    {
      refId: 'bounced',
      name: 'Bounced',
      expr: `${bounced} / ${judged} < scalar(min(${BOUNCES.limit.series}{severity="high"}))\nor\n${bounced} / ${judged} and ${bounced} >= scalar(max(${BOUNCES.least!.events}))`,
      limit: BOUNCES.limit,
      look: [...unit('percentunit', 1), COLOURED, width(95)],
    },
    {
      refId: 'deferred',
      name: 'Deferred',
      expr: `${deferred} / (${judged} + ${deferred})`,
      look: [...unit('percentunit', 1), width(85)],
    },
    { refId: 'mail', name: 'Mail', expr: `round(${concluded})`, look: [width(65)] },
  ],
).sortBy(worstFirst('Bounced'));

const bounceTrend = ratioTrend('Bounce rate by domain', BOUNCES).decimals(1);
const inboxTrend = ratioTrend('Inbox rate by domain', INBOXED).max(1).decimals(0);
const complaintTrend = ratioTrend('Complaint rate by domain', COMPLAINTS).decimals(2);

// --- Where to look next --------------------------------------------------------------------------------------------------

const deliveredFlow = flow(
  'Delivered',
  'email_delivered_total',
  'provider',
  'Messages that a mailbox provider took, per minute.',
);
const deferredFlow = flow(
  'Deferred',
  'email_deferred_total',
  'provider',
  'Attempts that a mailbox provider put off, per minute. One message may be put off often.',
);
const bouncedFlow = flow(
  'Bounced',
  'email_bounced_total',
  'provider',
  'Messages that a mailbox provider refused for good, or that were given up, per minute.',
);

const reasons = flow(
  'Bounce reasons',
  'email_bounced_total',
  'reason',
  'Messages that bounced, per minute, by what the reply says.',
);
const bounceAmounts = amounts(
  'Bounces of this period',
  'email_bounced_total',
  'class, reason',
  '{{class}}: {{reason}}',
  'The ten most frequent classes and reasons in the shown time.',
);
const deferralAmounts = amounts(
  'Deferrals of this period',
  'email_deferred_total',
  'reason',
  '{{reason}}',
  'The ten most frequent reasons to be put off in the shown time.',
);

const heat = new Heatmap()
  .title('Delivery time')
  .description(
    'How many messages took how long from acceptance to delivery, where the source tells. A band that climbs is a queue that grows.',
  )
  .datasource(PROMETHEUS)
  .withTarget(
    query('A', sum('le', `increase(email_delivery_duration_seconds_bucket${where(RESOURCE)}[$__rate_interval])`), {
      legend: '{{le}}',
      format: 'heatmap',
    }),
  )
  .maxDataPoints(100)
  .rowsFrame(new RowsHeatmapOptionsBuilder().layout(HeatmapCellLayout.Le))
  .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Oranges').steps(64).exponent(0.5))
  .yAxis(new YAxisConfigBuilder().unit('s'))
  .unit('short');

const median = trend(
  'Median delivery time by domain',
  's',
  worst(
    6,
    'sending_domain',
    `domain:email_delivery_duration_seconds:p50_15m${where(['sending_domain'])}`,
    DELIVERY,
    'ever',
  ),
  DELIVERY,
  'Half of the mail of 15 minutes arrived faster. The six domains that were slowest at some time; dashed, the thresholds in force. Logarithmic.',
).scaleDistribution(new ScaleDistributionConfigBuilder().type(ScaleDistribution.Log).log(10));

const items = 'deliverability_exporter_events_total';
const told = (result: string): string =>
  `round(${sum('source', `increase(${items}${where(['source'], `result=~"${result}"`)}[1h])`)})`;
const sources = table(
  'Sources',
  'What each source told in the last hour. Duplicates and late items do no harm; unknown words and invalid items deserve a look, refused posts a check of keys and format (the unknown source is a path that nobody configured).',
  [
    { label: 'source', name: 'Source', look: [atLeast(110), linkTo(UID, 'source')] },
    {
      refId: 'age',
      name: 'Last event',
      expr: `max by (source) (source:deliverability_exporter_last_event:age_seconds${where(['source'])})`,
      look: [...unit('s'), width(100)],
    },
    { refId: 'counted', name: 'Counted', expr: told('counted'), look: [width(82)] },
    { refId: 'duplicate', name: 'Duplicate', expr: told('duplicate'), look: [width(86)] },
    { refId: 'late', name: 'Late', expr: told('late'), look: [width(60)] },
    { refId: 'unknown', name: 'Unknown', expr: told('unknown'), look: [width(82)] },
    { refId: 'invalid', name: 'Invalid', expr: told('invalid|future'), look: [width(72)] },
    {
      refId: 'refused',
      name: 'Refused',
      expr: `round(${sum('source', `increase(deliverability_exporter_posts_total${where(['source'], 'outcome!="accepted"')}[1h])`)})`,
      look: [width(78)],
    },
  ],
).sortBy(worstFirst('Last event'));

const itemRate = (by: string, results: string): string =>
  `60 * ${sum(by, `rate(${items}${where(['source'], results)}[$__rate_interval])`)} > 0`;
const ingest = series('Events by source', 'short', 'Events that counted, per minute.')
  .axisLabel('per minute')
  .withTarget(query('A', itemRate('source', 'result="counted"'), { legend: '{{source}}' }))
  .fillOpacity(30)
  .stacking(stacked());
const uncounted = series(
  'Items that did not count',
  'short',
  'Items per minute that moved no counter, by source and why.',
)
  .axisLabel('per minute')
  .noValue('Everything counted')
  .withTarget(query('A', itemRate('source, result', 'result!="counted"'), { legend: '{{source}} {{result}}' }))
  .drawStyle(GraphDrawStyle.Bars)
  .fillOpacity(60)
  .stacking(stacked());

export default dashboard({
  uid: UID,
  title: 'Deliverability overview',
  description:
    'Whether mail arrives: bounce, inbox and complaint rates against their thresholds, what fires, and which domain or mailbox provider is behind it.',
  filters: RESOURCE,
  top: [
    {
      height: 5,
      panels: [
        [1, 3, state],
        [2, 7, bounceTile],
        [3, 7, inboxTile],
        [4, 7, complaintTile],
      ],
    },
    {
      height: 8,
      panels: [
        [5, 8, alertTable],
        [6, 9, domains],
        [7, 7, providers],
      ],
    },
    {
      height: 8,
      panels: [
        [8, 8, bounceTrend],
        [9, 8, inboxTrend],
        [10, 8, complaintTrend],
      ],
    },
  ],
  rows: [
    {
      row: 'By mailbox provider',
      id: 20,
      lines: [
        {
          height: 8,
          panels: [
            [21, 8, deliveredFlow],
            [22, 8, deferredFlow],
            [23, 8, bouncedFlow],
          ],
        },
      ],
    },
    {
      row: 'Why',
      id: 30,
      lines: [
        {
          height: 9,
          panels: [
            [31, 10, reasons],
            [32, 7, bounceAmounts],
            [33, 7, deferralAmounts],
          ],
        },
      ],
    },
    {
      row: 'Delivery time',
      id: 40,
      lines: [
        {
          height: 9,
          panels: [
            [41, 12, heat],
            [42, 12, median],
          ],
        },
      ],
    },
    {
      row: 'Sources',
      id: 50,
      closed: true,
      lines: [
        {
          height: 8,
          panels: [
            [51, 12, sources],
            [52, 6, ingest],
            [53, 6, uncounted],
          ],
        },
      ],
    },
  ],
});

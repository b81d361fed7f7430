/** Whether the exporter itself is well: what it hears, what it does not count and why, what it keeps, and what it and its scrapes cost. */
import { dashboard } from './parts/board.ts';
import { links, onlyThis, to, UIDS } from './parts/links.ts';
import { COLOURS, words } from './parts/looks.ts';
import {
  amounts,
  atLeast,
  bars,
  figure,
  perMinute,
  series,
  sparkled,
  state,
  table,
  unit,
  width,
  worstFirst,
} from './parts/panels.ts';
import { query, where } from './parts/queries.ts';
import { sum } from './parts/rates.ts';

const FILTERS = ['source', 'instance'] as const;
const ALL = where(FILTERS);
const PROGRAM = where(['instance']);
/** Of every process that Prometheus scrapes, those that are exporters. */
const OURS = 'on (job, instance) group by (job, instance) (deliverability_exporter_build_info)';
const ours = (metric: string): string => `${metric}${PROGRAM} and ${OURS}`;

const items = 'deliverability_exporter_events_total';
const posts = 'deliverability_exporter_posts_total';
const rate = (metric: string, ...more: string[]): string =>
  `rate(${metric}${where(FILTERS, ...more)}[$__rate_interval])`;

// --- Now -----------------------------------------------------------------------------------------------------------------

const yes = (good: string, bad: string, color: string) => [words({ 1: [good, COLOURS.fine], 0: [bad, color] })];
const tiles = [
  state(
    'Scraped',
    `min(${ours('up')})`,
    yes('Yes', 'No', COLOURS.critical),
    'Whether Prometheus reaches every exporter that it reached before.',
  ).noValue('No exporter'),
  state(
    'Ledger',
    `min(deliverability_exporter_ledger_healthy${PROGRAM})`,
    yes('Commits', 'Fails', COLOURS.critical),
    'Whether the last commit succeeded. While it fails, senders are told to come back later, and nothing is lost.',
  ),
  state(
    'Configuration',
    `min(deliverability_exporter_config_last_reload_successful${PROGRAM})`,
    yes('In force', 'Old one', COLOURS.medium),
    'Whether the last reload succeeded. If not, the configuration before it is in force.',
  ),
  sparkled(
    'Counted/s',
    `sum(${rate(items, 'result="counted"')})`,
    'short',
    'Events that moved a counter, per second.',
  ).decimals(1),
  sparkled(
    'Not counted',
    `1 - sum(${rate(items, 'result="counted"')}) / (sum(${rate(items)}) > 0)`,
    'percentunit',
    'Share of items that moved no counter: duplicates and late ones do no harm, the rest deserves a look.',
  ).decimals(2),
  figure(
    'Scrape takes',
    `max(${ours('scrape_duration_seconds')})`,
    's',
    'How long the last scrape took, of the slowest exporter.',
  ).decimals(2),
  figure(
    'Series exposed',
    `sum(${ours('scrape_samples_scraped')})`,
    'short',
    'Samples of the last scrape, of all exporters.',
  ),
  figure(
    'Running for',
    `time() - max(${ours('process_start_time_seconds')})`,
    's',
    'Since the last start of any exporter. Counters go on over a restart.',
  ).decimals(0),
];

const told = (result: string): string =>
  `round(${sum('source', `increase(${items}${where(FILTERS, `result=~"${result}"`)}[1h])`)})`;
const sources = table(
  'Sources',
  'What each source told in the last hour. Duplicates and late items do no harm; unknown words and invalid items deserve a look, refused posts a check of keys and format (the unknown source is a path that nobody configured).',
  [
    {
      label: 'source',
      name: 'Source',
      look: [
        atLeast(120),
        links(onlyThis('exporter', 'source'), to('overview', 'Its mail', { source: '${__value.raw}' })),
      ],
    },
    {
      refId: 'age',
      name: 'Last event',
      expr: `max by (source) (source:deliverability_exporter_last_event:age_seconds${where(['source'])})`,
      look: [...unit('s', 0), width(100)],
    },
    { refId: 'counted', name: 'Counted', expr: told('counted'), look: [width(85)] },
    { refId: 'duplicate', name: 'Duplicate', expr: told('duplicate'), look: [width(90)] },
    { refId: 'late', name: 'Late', expr: told('late'), look: [width(65)] },
    { refId: 'unknown', name: 'Unknown', expr: told('unknown'), look: [width(85)] },
    { refId: 'invalid', name: 'Invalid', expr: told('invalid|future'), look: [width(75)] },
    {
      refId: 'refused',
      name: 'Refused',
      expr: `round(${sum('source', `increase(${posts}${where(FILTERS, 'outcome!="accepted"')}[1h])`)})`,
      look: [width(80)],
    },
  ],
).sortBy(worstFirst('Last event'));

// --- What comes in -------------------------------------------------------------------------------------------------------

const ingest = perMinute(
  'Events by source',
  'source',
  rate(items, 'result="counted"'),
  'Events that counted, per minute.',
);
const uncounted = bars(
  'Items that did not count',
  `60 * ${sum('source, result', rate(items, 'result!="counted"'))}`,
  '{{source}} {{result}}',
  'Items per minute that moved no counter, by source and why.',
).noValue('Everything counted');
const refused = bars(
  'Posts that were not accepted',
  `60 * ${sum('source, outcome', rate(posts, 'outcome!="accepted"'))}`,
  '{{source}} {{outcome}}',
  'Posts per minute to hooks and the push API that were turned away, by source and why. Back-pressure: come back later.',
).noValue('Every post was accepted');
const commits = perMinute(
  'Commits',
  'outcome',
  `rate(deliverability_exporter_ledger_commits_total${PROGRAM}[$__rate_interval])`,
  'Commits of the ledger per minute, by outcome. Events are acknowledged once theirs is done.',
).overrideByName('failed', [{ id: 'color', value: { mode: 'fixed', fixedColor: COLOURS.critical } }]);

// --- What it costs -------------------------------------------------------------------------------------------------------

const line = (title: string, expr: string, unitOf: string, legend: string, description: string) =>
  series(title, unitOf, description).withTarget(query('A', expr, { legend }));

const scrape = line(
  'Scrape duration',
  ours('scrape_duration_seconds'),
  's',
  '{{instance}}',
  'How long each scrape of the exporter took. Prometheus gives up at its scrape_timeout.',
);
const cardinality = line(
  'Series held',
  `max by (scope) (deliverability_exporter_ledger_series${PROGRAM})`,
  'short',
  '{{scope}}',
  'Series in the ledger, by family of labels; each label has a cap.',
);
const exposed = line(
  'Samples a scrape',
  ours('scrape_samples_scraped'),
  'short',
  '{{instance}}',
  'What each scrape held. Prometheus refuses it whole beyond its sample_limit.',
);
const memory = line(
  'Memory',
  ours('process_resident_memory_bytes'),
  'bytes',
  '{{instance}}',
  'Resident memory of the process.',
);
const cpu = line(
  'CPU',
  `rate(process_cpu_seconds_total${PROGRAM}[$__rate_interval]) and ${OURS}`,
  'percentunit',
  '{{instance}}',
  'Of one core: 100 % is one core, kept busy.',
);
const lag = line(
  'Event loop lag',
  ours('nodejs_eventloop_lag_p99_seconds'),
  's',
  '{{instance}}',
  'How long, at the 99th percentile, work waited for its turn.',
);

// --- What it remembers ---------------------------------------------------------------------------------------------------

const ids = line(
  'Identities remembered',
  `max by (instance) (deliverability_exporter_ledger_ids${PROGRAM})`,
  'short',
  '{{instance}}',
  'Events that a repetition would be recognised of.',
);
const horizon = line(
  'How far back a repetition is recognised',
  `time() - max by (instance) (deliverability_exporter_ledger_horizon_timestamp_seconds${PROGRAM})`,
  's',
  '{{instance}}',
  'What happened longer ago than this counts as late, and moves no counter.',
);
const folded = amounts(
  'Folded into __other__',
  sum('label', `increase(deliverability_exporter_label_values_folded_total${PROGRAM}[$__range])`),
  '{{label}}',
  'Events of the shown time that were counted under __other__ because a label had reached its cap. Totals stay exact.',
).noValue('Nothing was folded');
const questions = perMinute(
  'Questions to name servers',
  'outcome',
  `rate(deliverability_exporter_dns_queries_total${PROGRAM}[$__rate_interval])`,
  'Per minute, by how they ended.',
);
const logs = bars(
  'Log files that could not be read',
  `sum by (source) (increase(deliverability_exporter_log_problems_total${ALL}[$__rate_interval]))`,
  '{{source}}',
  'Times a log file could not be read on; the log of the exporter says why.',
).noValue('Every log file was read');
const rules = line(
  'Rules: duration of evaluation',
  'sort_desc(topk(10, sum by (rule_group) (prometheus_rule_group_last_duration_seconds{rule_group=~".*;(email|deliverability)_.*"})))',
  's',
  '{{rule_group}}',
  'The ten groups of rules that took longest, where Prometheus scrapes itself.',
);

export default dashboard({
  uid: UIDS.exporter,
  title: 'Exporter',
  description: 'The own health of the exporter: what it hears and does not count, what it keeps, and what it costs.',
  filters: FILTERS,
  top: [
    { height: 4, panels: tiles.map((tile, i) => [i + 1, 3, tile] as const) },
    {
      height: 8,
      panels: [
        [10, 14, sources],
        [11, 10, ingest],
      ],
    },
    {
      height: 7,
      panels: [
        [12, 8, uncounted],
        [13, 8, refused],
        [14, 8, commits],
      ],
    },
  ],
  rows: [
    {
      row: 'What it costs',
      id: 20,
      lines: [
        {
          height: 7,
          panels: [
            [21, 8, scrape],
            [22, 8, exposed],
            [23, 8, cardinality],
          ],
        },
        {
          height: 7,
          panels: [
            [24, 8, memory],
            [25, 8, cpu],
            [26, 8, lag],
          ],
        },
      ],
    },
    {
      row: 'What it remembers and asks',
      id: 30,
      closed: true,
      lines: [
        {
          height: 7,
          panels: [
            [31, 8, ids],
            [32, 8, horizon],
            [33, 8, folded],
          ],
        },
        {
          height: 7,
          panels: [
            [34, 8, questions],
            [35, 8, logs],
            [36, 8, rules],
          ],
        },
      ],
    },
  ],
});

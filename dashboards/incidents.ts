/** How well alerting does: how soon it is told, how soon it is over, how often for nothing; what was done, and whether that helped. */
import { alertTable } from './parts/alerts.ts';
import { dashboard } from './parts/board.ts';
import { CLICKED, judge, links, to, UIDS } from './parts/links.ts';
import { COLOURS, counts, ISSUE_WORDS, words } from './parts/looks.ts';
import {
  amounts,
  atLeast,
  bars,
  matrix,
  STATE,
  scoreTile,
  series,
  sparkled,
  stacked,
  state,
  states,
  table,
  width,
  worstFirst,
} from './parts/panels.ts';
import { firing, query, SEVERITIES, where, worst } from './parts/queries.ts';
import { sum } from './parts/rates.ts';

const FILTERS = ['sending_domain', 'issue_type'] as const;
const ISSUE = where(['issue_type']);

// --- KPIs ----------------------------------------------------------------------------------------------------------------

const kpi = (title: string, recording: string, unit: string, description: string) =>
  sparkled(title, recording, unit, `${description} Of the last 30 days.`).noValue('None yet');
const detection = kpi(
  'Time to detection',
  'email_kpi:detection_seconds:mean30d',
  's',
  'From the first bad minute in the data to the alert, on average.',
).decimals(0);
const resolution = kpi(
  'Time to resolution',
  'email_kpi:resolution_seconds:mean30d',
  's',
  'From the alert to its end, on average.',
).decimals(0);
const falsePositives = kpi(
  'False positives',
  'email_kpi:false_positive:ratio30d',
  'percentunit',
  'Of the incidents that somebody judged, the share that was none. Judge them on the page of the exporter.',
).decimals(1);
const success = kpi(
  'Remedies that worked',
  'email_kpi:remediation_success:ratio30d',
  'percentunit',
  'Of the strategies tried in earnest and judged by what came after, the share that helped.',
).decimals(0);
const open = state(
  'Open incidents',
  `sum(max by (issue_type, severity) (email_incidents_open${ISSUE})) or 0 * max(deliverability_exporter_build_info)`,
  counts('None', COLOURS.high),
  'Incidents that are not resolved.',
);

// --- Now -----------------------------------------------------------------------------------------------------------------

const openByKind = matrix('Open, by issue and severity', 'How many incidents of each kind are not resolved.', {
  expr: `max by (issue_type, severity) (email_incidents_open${ISSUE}) > 0`,
  rows: {
    label: 'issue_type',
    name: 'Issue',
    look: [width(120), ISSUE_WORDS, links(to('incidents', 'Only these', { issue_type: CLICKED }))],
  },
  columns: 'severity',
  known: SEVERITIES.toReversed(),
})
  .noValue('None')
  .minWidth(66);

const escalatedBy = 'issue_type, sending_domain, sending_ip, provider, campaign, target';
const escalated = table(
  'Escalated',
  'Incidents that no remedy helped within the time allowed: they need a person. State is the severity they were escalated to.',
  [
    {
      refId: 'state',
      name: 'State',
      expr: SEVERITIES.map(
        (severity, i) =>
          `${i + 1} * max by (${escalatedBy}) (email_incident_escalated${where(FILTERS, `severity="${severity}"`)})`,
      )
        .reverse()
        .join('\nor '),
      look: STATE,
    },
    { label: 'issue_type', name: 'Issue', look: [atLeast(100), ISSUE_WORDS, links(judge)] },
    {
      label: 'sending_domain',
      name: 'Domain',
      look: [atLeast(110), links(to('overview', 'This domain', { sending_domain: CLICKED }))],
    },
    { label: 'campaign', name: 'Campaign', look: [atLeast(80)] },
  ],
)
  .noValue('None')
  .sortBy(worstFirst('State'));

// --- What happened -------------------------------------------------------------------------------------------------------

const alertsOverTime = states(
  'Alerts over time',
  worst(20, 'alertname', `max by (alertname) (\n${firing(FILTERS)}\n)`, { worse: 'above' }, 'ever'),
  '{{alertname}}',
  'The worst severity that fired under each name. Nothing: it did not fire.',
);
const inForce = states(
  'Remedies in force',
  'max by (strategy, mode) (2 * (email_remediation_active{mode="enforce"} > 0) or (email_remediation_active{mode="dry-run"} > 0))\nor 0 * max by (strategy, mode) (email_remediation_active)',
  '{{strategy}} ({{mode}})',
  'Strategies while they are applied; of a dry run, while they would be.',
  [
    words({
      0: ['Not in force', 'rgba(128, 128, 128, 0.2)'],
      1: ['Would be', COLOURS.info],
      2: ['In force', COLOURS.remedy],
    }),
  ],
);

const tried = (by: string, ...more: string[]): string =>
  sum(by, `increase(email_remediation_actions_total${where([], ...more)}[$__range])`);
const OUTCOMES = ['effective', 'ineffective', 'undecided', 'failed', 'refused'];
const outcomes = matrix(
  'What was done, and did it help',
  'Strategies tried in the shown time, dry runs included, by what they came to once that was final. Undecided: too little mail to say.',
  {
    expr: `round(${tried('strategy, outcome')}) > 0`,
    rows: { label: 'strategy', name: 'Strategy', look: [width(160)] },
    columns: 'outcome',
    known: OUTCOMES,
  },
)
  .noValue('Nothing was tried')
  .minWidth(80);

const verdicts = amounts(
  'Verdicts on what is remembered',
  'max by (verdict) (email_incident_verdicts)',
  '{{verdict}}',
  'Resolved incidents of the last 30 days by the verdict that stands now; unknown: nobody judged yet.',
).noValue('None yet');

const mean = (span: 'detection' | 'acknowledgement' | 'resolution'): string => {
  const part = (what: 'sum' | 'count') =>
    sum('severity', `increase(email_incident_${span}_seconds_${what}${ISSUE}[$__range])`);
  return `${part('sum')} / (${part('count')} > 0)`;
};
const spans = table(
  'How long it took',
  'On average over the incidents of the shown time: from the first bad minute to the alert, from the alert until somebody acknowledged it, and until it was over.',
  [
    { label: 'severity', name: 'Severity', look: [atLeast(90)] },
    ...(
      [
        ['detection', 'Detection'],
        ['acknowledgement', 'Acknowledged'],
        ['resolution', 'Resolution'],
      ] as const
    ).map(([span, name]) => ({
      refId: span,
      name,
      expr: mean(span),
      look: [{ id: 'unit', value: 's' }, { id: 'decimals', value: 0 }, atLeast(90)],
    })),
  ],
).noValue('–');

const openOverTime = series('Open incidents over time', 'short', 'Incidents that were not resolved, by severity.')
  .decimals(0)
  .withTarget(
    query('A', `sum by (severity) (max by (issue_type, severity) (email_incidents_open${ISSUE}))`, {
      legend: '{{severity}}',
    }),
  )
  .fillOpacity(40)
  .stacking(stacked());
for (const severity of SEVERITIES)
  openOverTime.overrideByName(severity, [{ id: 'color', value: { mode: 'fixed', fixedColor: COLOURS[severity] } }]);

const calls = bars(
  'Calls to other systems',
  'sum by (actuator, call, outcome) (increase(deliverability_exporter_actuator_calls_total[$__rate_interval]))',
  '{{actuator}} {{call}} {{outcome}}',
  'What remedies asked of MTAs and providers, and how it ended.',
).noValue('Nothing was asked');
const received = bars(
  'Alerts received',
  'sum by (status) (increase(deliverability_exporter_alerts_received_total[$__rate_interval]))',
  '{{status}}',
  'What Alertmanager posted to the exporter, repeats included. Without it there are no incidents and no remedies.',
).noValue('Alertmanager posts nothing');

export default dashboard({
  uid: UIDS.incidents,
  title: 'Alerts and remediation',
  description:
    'How soon trouble is detected and over, how often for nothing, which incidents are open, what was done about them and whether it helped.',
  filters: FILTERS,
  from: 'now-24h',
  top: [
    {
      height: 4,
      panels: [
        [1, 4, scoreTile()],
        [2, 4, detection],
        [3, 4, resolution],
        [4, 4, falsePositives],
        [5, 4, success],
        [6, 4, open],
      ],
    },
    {
      height: 9,
      panels: [
        [7, 10, alertTable(FILTERS)],
        [8, 7, openByKind],
        [9, 7, escalated],
      ],
    },
    {
      height: 9,
      panels: [
        [10, 12, alertsOverTime],
        [11, 12, inForce],
      ],
    },
    {
      height: 8,
      panels: [
        [12, 10, outcomes],
        [13, 7, spans],
        [14, 7, verdicts],
      ],
    },
  ],
  rows: [
    {
      row: 'Machinery',
      id: 20,
      closed: true,
      lines: [
        {
          height: 8,
          panels: [
            [21, 8, openOverTime],
            [22, 8, calls],
            [23, 8, received],
          ],
        },
      ],
    },
  ],
});

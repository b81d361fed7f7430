/** What fires now, as a table. */
import { CLICKED, judge, links, runbook, to } from './links.ts';
import { atLeast, STATE, table, unit, width, worstFirst } from './panels.ts';
import { type Filter, firing, firingSince } from './queries.ts';

/** What alerts are about, in the order in which it is read. */
const WHERE = ['sending_domain', 'target', 'sending_ip', 'provider', 'campaign', 'list', 'check', 'source', 'instance'];
const named = (expr: string): string =>
  `label_join(\n${expr},\n"where", " ", ${WHERE.map((label) => `"${label}"`).join(', ')})`;

export const alertTable = (filters: readonly Filter[]) =>
  table(
    'Active alerts',
    'What fires now, worst first, and for how long. Click a name for its runbook, for everything about alerts, or to acknowledge it.',
    [
      {
        refId: 'state',
        name: 'State',
        expr: `max by (alertname, where) (${named(firing(filters))})`,
        look: STATE,
      },
      {
        label: 'alertname',
        name: 'Alert',
        look: [atLeast(158), links(runbook(CLICKED), to('incidents', 'Alerts and remediation'), judge)],
      },
      { label: 'where', name: 'Where', look: [atLeast(125)] },
      {
        refId: 'since',
        name: 'For',
        expr: `time() - min by (alertname, where) (${named(firingSince(filters))})`,
        look: [...unit('s', 0), width(80)],
      },
    ],
  )
    .noValue('No alert fires')
    .sortBy(worstFirst('State', 'For'));

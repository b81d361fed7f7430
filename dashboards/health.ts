/**
 * Every domain and every address against every kind of trouble, worst first: one look tells where it is bad and with what, a click leads
 * on. A dash is no green: nobody can tell.
 */
import { dashboard } from './parts/board.ts';
import { CLICKED, cell, links, onlyThis, to, UIDS, type Uid } from './parts/links.ts';
import { ISSUES } from './parts/looks.ts';
import { type Column, MAP_CELL, matrix, STATE, states, table, unit, width, worstFirst } from './parts/panels.ts';
import { type Filter, firing, where, worst } from './parts/queries.ts';

const FILTERS = ['sending_domain', 'sending_ip'] as const;
const DOMAINS = where(['sending_domain']);

/** `target` of what is looked up, as the label that mail has. */
const looked = (label: Filter, expr: string): string => `label_replace(${expr}, "${label}", "$1", "target", "(.+)")`;

interface Kind {
  issue: string;
  /** What shows, by whichever of the label or `target`, that somebody could tell: without it there is no green. */
  judged: string;
  /** The dashboard that says more. */
  more: Uid;
}

interface Resource {
  label: 'sending_domain' | 'sending_ip';
  name: string;
  /** All there are: those that sent, and those that are looked up though they did not. */
  all: string;
}
const DOMAIN: Resource = {
  label: 'sending_domain',
  name: 'Domain',
  all: `group by (sending_domain) (domain:email_sent:increase1h${DOMAINS} or ${looked('sending_domain', 'email_blocklist_listed{kind="domain", target=~"$sending_domain"}')})`,
};
const USED = where(['sending_domain', 'sending_ip'], 'sending_ip!~"unknown|__other__"');
const IP: Resource = {
  label: 'sending_ip',
  name: 'IP',
  all: `group by (sending_ip) (domain_ip:email_bounced:samples15m${USED} or ${looked('sending_ip', 'email_blocklist_listed{kind="ip", target=~"$sending_ip"}')})`,
};

/** The worst that fires of each, by its own label or because it is what was looked up. */
const worstOf = ({ label }: Resource, ...more: string[]): string =>
  `max by (${label}) (\n${firing(FILTERS, ...more, `${label}!=""`)}\nor ${looked(label, firing(FILTERS, ...more, 'target!=""'))}\n)`;
const orFine = (resource: Resource, judged: string, ...more: string[]): string =>
  `(\n${worstOf(resource, ...more)}\nor 0 * ${judged}\n)\nand on (${resource.label}) ${resource.all}`;

/** One row each. */
function map(
  resource: Resource,
  title: string,
  description: string,
  kinds: readonly Kind[],
  between: readonly Column[] = [],
) {
  const { label, name } = resource;
  return table(title, description, [
    {
      label,
      name,
      look: [width(190), links(onlyThis('overview', label), to('reputation', 'Its reputation', { target: CLICKED }))],
    },
    { refId: 'worst', name: 'Worst', expr: orFine(resource, resource.all), look: STATE },
    ...between,
    ...kinds.map(({ issue, judged, more }): Column => {
      const of = { [more === 'reputation' ? 'target' : label]: cell(name) };
      return {
        refId: issue,
        name: ISSUES[issue]!,
        expr: orFine(resource, `max by (${label}) (${judged})`, `issue_type="${issue}"`),
        look: [...MAP_CELL, links(to(more, 'More about it', of), to('incidents', 'Its alerts', { issue_type: issue }))],
      };
    }),
  ]).sortBy(worstFirst('Worst'));
}

const HOUR = 'domain:email_issue:ratio_rate1h';
const hourly = (issue: string, more: Uid): Kind => ({
  issue,
  judged: `${HOUR}${where(['sending_domain'], `issue_type="${issue}"`)}`,
  more,
});
const lookedUp = (label: Filter, metric: string, ...more: string[]): string =>
  looked(label, `${metric}${where([], ...more, 'target!=""')}`);

const domains = map(
  DOMAIN,
  'Domains',
  'Each sending domain and each kind of trouble: the worst alert that fires, ✓ where there is something to judge by and nothing fires, a dash where nobody can tell. Click a cell to go on.',
  [
    hourly('high_bounce_rate', 'overview'),
    hourly('high_complaint_rate', 'campaigns'),
    { issue: 'low_inbox_rate', judged: `domain:email_measurement_inbox:ratio${DOMAINS}`, more: 'overview' },
    {
      issue: 'isp_throttling',
      judged: `domain_provider:email_issue_samples:increase15m${where(['sending_domain'], 'issue_type="isp_throttling"')}`,
      more: 'providers',
    },
    {
      issue: 'blacklist_detection',
      judged: lookedUp('sending_domain', 'email_blocklist_listed', 'kind="domain"'),
      more: 'reputation',
    },
    {
      issue: 'reputation_drop',
      judged: lookedUp('sending_domain', 'target:email_reputation_score:max'),
      more: 'reputation',
    },
    {
      issue: 'authentication_failure',
      judged: `${hourly('authentication_failure', 'overview').judged} or ${lookedUp('sending_domain', 'email_dns_check_passed')}`,
      more: 'reputation',
    },
    hourly('content_filtering', 'campaigns'),
    // Known from what replies say, so wherever there are replies.
    { ...hourly('high_bounce_rate', 'providers'), issue: 'spam_trap_hit' },
    { issue: 'engagement_drop', judged: `domain:email_engagement:ratio_p75_7d${DOMAINS}`, more: 'campaigns' },
    { issue: 'volume_anomaly', judged: `domain:email_sent:increase1h_same7d${DOMAINS}`, more: 'overview' },
  ],
  [
    {
      refId: 'score',
      name: 'Score',
      expr: `max by (sending_domain) (domain:email_health:score${DOMAINS})`,
      look: [...unit('none', 0), width(60)],
    },
    {
      refId: 'coverage',
      name: 'Known',
      expr: `max by (sending_domain) (domain:email_health:coverage_ratio${DOMAINS})`,
      look: [...unit('percentunit', 0), width(64)],
    },
  ],
);

const addresses = map(
  IP,
  'IPs',
  'The same for each sending address, as far as it is known by address. "By domain" is the worst alert of the domains that send from it.',
  [
    { issue: 'high_bounce_rate', judged: `domain_ip:email_bounced:samples15m${USED} > 0`, more: 'overview' },
    {
      issue: 'blacklist_detection',
      judged: lookedUp('sending_ip', 'email_blocklist_listed', 'kind="ip"'),
      more: 'reputation',
    },
    {
      issue: 'reputation_drop',
      judged: lookedUp('sending_ip', 'target:email_reputation_score:max'),
      more: 'reputation',
    },
    {
      issue: 'authentication_failure',
      judged: lookedUp('sending_ip', 'email_dns_check_passed', 'check="fcrdns"'),
      more: 'reputation',
    },
    { issue: 'ip_warming_issue', judged: `ip:email_warmup:plan${where(['sending_ip'])}`, more: 'overview' },
  ],
  [
    {
      refId: 'domains',
      name: 'By domain',
      expr: `max by (sending_ip) (
  0 * (domain_ip:email_bounced:samples15m${USED} > 0)
  + on (sending_domain) group_left ()
  (
    ${worstOf(DOMAIN)}
    or 0 * group by (sending_domain) (domain:email_sent:increase1h${DOMAINS})
  )
)`,
      look: MAP_CELL,
    },
    {
      refId: 'mail',
      name: 'Mail',
      expr: `round(sum by (sending_ip) (domain_ip:email_bounced:samples15m${USED}))`,
      look: [width(70)],
    },
  ],
);

/** Too many lines are no picture. */
const course = (resource: Resource, base: string): string =>
  worst(
    20,
    resource.label,
    `max by (${resource.label}) (\n${worstOf(resource)}\nor 0 * ${base}\n) and on (${resource.label}) ${base}`,
    { worse: 'above' },
    'ever',
  );

export default dashboard({
  uid: UIDS.health,
  title: 'Resource health map',
  description:
    'Every sending domain and address against every kind of trouble, worst first: where it is bad, with what, and since when.',
  filters: FILTERS,
  top: [
    { height: 12, panels: [[1, 24, domains]] },
    { height: 10, panels: [[2, 24, addresses]] },
  ],
  rows: [
    {
      row: 'Since when',
      id: 10,
      lines: [
        {
          height: 10,
          panels: [
            [
              11,
              12,
              states(
                'Domains over time',
                course(DOMAIN, `group by (sending_domain) (domain:email_sent:increase1h${DOMAINS})`),
                '{{sending_domain}}',
                'The worst alert about each domain, of the twenty that were worst at some time.',
              ),
            ],
            [
              12,
              12,
              states(
                'IPs over time',
                course(IP, `group by (sending_ip) (domain_ip:email_bounced:samples15m${USED})`),
                '{{sending_ip}}',
                'The worst alert about each address, of the twenty that were worst at some time. What is known by domain only is on the left.',
              ),
            ],
          ],
        },
      ],
    },
    {
      row: 'What the score is made of',
      id: 20,
      closed: true,
      lines: [
        {
          height: 9,
          panels: [
            [
              21,
              24,
              matrix(
                'Parts of the score',
                'Each part of the score of each domain: 100 % where all is well, 50 % at the threshold of severity high, 0 % as far again beyond it. A dash: nothing measures it, so it does not count.',
                {
                  expr: `min by (sending_domain, component) (domain:email_health:part${DOMAINS})`,
                  rows: {
                    label: 'sending_domain',
                    name: 'Domain',
                    look: [width(190), links(onlyThis('overview', 'sending_domain'))],
                  },
                  columns: 'component',
                  known: ['bounces', 'complaints', 'inbox', 'authentication', 'content', 'delivery_time'],
                },
              )
                .unit('percentunit')
                .decimals(0),
            ],
          ],
        },
      ],
    },
  ],
});

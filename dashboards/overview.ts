/**
 * Is mail fine, and if not, which domain and which provider? State, score and three tiles first, then what fires, what is worst by name and
 * what got worse, then the course of it. Where and why is on the dashboards that a click leads to.
 */
import { alertTable } from './parts/alerts.ts';
import { dashboard } from './parts/board.ts';
import { CLICKED, cell, links, onlyThis, to, UIDS } from './parts/links.ts';
import { ISSUE_WORDS, STATES } from './parts/looks.ts';
import { deliveryMedian, providersTable, reasonFlow, towardFlow } from './parts/mail.ts';
import {
  atLeast,
  COLOURED,
  ratioTrend,
  STATE,
  scoreTile,
  state,
  table,
  tile,
  unit,
  width,
  worstFirst,
} from './parts/panels.ts';
import { firing, where } from './parts/queries.ts';
import { BOUNCES, byDomainEvident, COMPLAINTS, INBOXED, RESOURCE, sum } from './parts/rates.ts';

// --- The top: what is wrong, and where -----------------------------------------------------------------------------------

const now = state(
  'Mail now',
  `max(\n${firing(RESOURCE)}\n)\nor 0 * max(deliverability_exporter_build_info)`,
  STATES,
  'The worst severity that fires, of everything chosen above. "Fine" needs an exporter that is being scraped; without one it says "No data".',
).noValue('No data');

const score = scoreTile();

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

const aboutDomain = (domain: string) => [
  to('health', 'Its resources', { sending_domain: domain }),
  to('providers', 'By mailbox provider', { sending_domain: domain }),
  to('campaigns', 'Its campaigns', { sending_domain: domain }),
  to('reputation', 'Its reputation', { target: domain }),
];

const concludedByDomain = sum('sending_domain', BOUNCES.whole);
const domains = table(
  'Domains, worst first',
  'Each sending domain: its worst alert, bounce rate (15 min), complaint rate (30 min) and inbox rate. A dash: too little to judge. Click a name to see it alone.',
  [
    {
      label: 'sending_domain',
      name: 'Domain',
      look: [atLeast(145), links(onlyThis('overview', 'sending_domain'), ...aboutDomain(CLICKED))],
    },
    {
      refId: 'state',
      name: 'State',
      expr: `max by (sending_domain) (\n${firing(RESOURCE, 'sending_domain!=""')}\n)\nor 0 * ${concludedByDomain}`,
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
  ],
).sortBy(worstFirst('State', 'Bounced'));

// --- What got worse ------------------------------------------------------------------------------------------------------

const issue = (name: string): string => `domain:email_issue:${name}${where(['sending_domain'])}`;
const LIMITS = 'on (sending_domain, issue_type) group_left () domain:email_issue:ratio_limit';
/** Wilson's lower bound against the mean of the day, so that 1 of 3 is no change; in thresholds, so that unlike shares can be compared. */
const grown = `topk(8, max by (sending_domain, issue_type) ((${issue('ratio_wilson1h')} - ${issue('ratio_mean1d')} > 0) / ${LIMITS} > 0.05))`;
const ofGrown = (name: string): string => `max by (sending_domain, issue_type) (${issue(name)})\nand\n${grown}`;

const changed = table(
  'What got worse',
  'The last hour against the mean hour of the last day, where it is worse beyond chance, by how much of the threshold that is: at 100 % it has grown by a whole threshold. Under a twentieth of one it is not worth a line.',
  [
    { label: 'sending_domain', name: 'Domain', look: [atLeast(150), links(onlyThis('overview', 'sending_domain'))] },
    {
      label: 'issue_type',
      name: 'What',
      look: [width(92), ISSUE_WORDS, links(to('health', 'On the map', { sending_domain: cell('Domain') }))],
    },
    { refId: 'mean', name: 'Usual', expr: ofGrown('ratio_mean1d'), look: [...unit('percentunit', 2), width(68)] },
    { refId: 'hour', name: 'Now', expr: ofGrown('ratio_rate1h'), look: [...unit('percentunit', 2), width(68)] },
    { refId: 'grown', name: 'Worse', expr: grown, look: [...unit('percentunit', 0), width(68)] },
  ],
)
  .noValue('Nothing got worse')
  .sortBy(worstFirst('Worse'));

export default dashboard({
  uid: UIDS.overview,
  title: 'Deliverability overview',
  description:
    'Whether mail arrives: bounce, inbox and complaint rates against their thresholds, what fires and since when, which domain is behind it, and what got worse.',
  filters: RESOURCE,
  top: [
    {
      height: 5,
      panels: [
        [1, 3, now],
        [11, 3, score],
        [2, 6, bounceTile],
        [3, 6, inboxTile],
        [4, 6, complaintTile],
      ],
    },
    {
      height: 8,
      panels: [
        [5, 9, alertTable(RESOURCE)],
        [6, 8, domains],
        [12, 7, changed],
      ],
    },
    {
      height: 8,
      panels: [
        [8, 8, ratioTrend('Bounce rate by domain', BOUNCES).decimals(1)],
        [9, 8, ratioTrend('Inbox rate by domain', INBOXED).axisSoftMin(0.6).max(1)],
        [10, 8, ratioTrend('Complaint rate by domain', COMPLAINTS).decimals(2)],
      ],
    },
  ],
  rows: [
    {
      row: 'Where, why and how late',
      id: 20,
      closed: true,
      lines: [
        {
          height: 8,
          panels: [
            [7, 8, providersTable(RESOURCE)],
            [
              31,
              8,
              reasonFlow('Bounce reasons', 'bounced', 'Messages that bounced, per minute, by what the reply says.'),
            ],
            [42, 8, deliveryMedian()],
          ],
        },
        {
          height: 8,
          panels: [
            [21, 8, towardFlow('Delivered', 'delivered', 'Messages that a mailbox provider took, per minute.')],
            [
              22,
              8,
              towardFlow(
                'Deferred',
                'deferred',
                'Attempts that a mailbox provider put off, per minute. One message may be put off often.',
              ),
            ],
            [
              23,
              8,
              towardFlow(
                'Bounced',
                'bounced',
                'Messages that a mailbox provider refused for good, or that were given up, per minute.',
              ),
            ],
          ],
        },
      ],
    },
  ],
});

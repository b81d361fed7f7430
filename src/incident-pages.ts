/** Incidents become pages: what is open, one with all that is known of it, and the second click that a link asks for. */
import { facts, type Html, html, moment, type Page, span, table } from './html.ts';
import type { Action, Incident, Measured, Remedied } from './incident.ts';
import type { Act } from './incident-links.ts';
import { kindOf } from './incident-totals.ts';
import type { KeptIncident } from './incidents.ts';

/** Worst first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'];
const SHOWN = 50;

/** What an act is in words: of a button, and once it is done. */
const ACT_WORDS: Record<Act, { press: string; about: string; done: string }> = {
  acknowledge: {
    press: 'Acknowledge',
    about: 'Tells the others that somebody looks after it.',
    done: 'is acknowledged',
  },
  true_positive: {
    press: 'It was right',
    about: 'The alert was right: something was wrong.',
    done: 'is judged to have been right',
  },
  false_positive: {
    press: 'False alarm',
    about: 'Nothing was wrong; the rule or its threshold is to be looked at.',
    done: 'is judged a false alarm',
  },
  duplicate: {
    press: 'Told already',
    about: 'It was right, and another alert had told it already.',
    done: 'is judged to have been told already',
  },
};

export const titleOf = ({ summary, labels, id }: Incident): string => summary || labels.alertname || id;
const pageOf = ({ id }: Incident): string => `/incidents/${id}`;

function severity(incident: Incident): Html {
  const word = incident.escalated?.severity ?? kindOf(incident).severity;
  return html`<span class="severity ${SEVERITIES.includes(word) && word}">${word || 'none'}</span>`;
}

/** What it is about, where labels say. */
const PLACES = ['sending_domain', 'sending_ip', 'provider', 'campaign', 'target', 'list', 'check', 'service', 'source'];
function where({ labels }: Incident): string {
  return PLACES.filter((label) => labels[label])
    .map((label) =>
      ['sending_domain', 'sending_ip', 'target'].includes(label) ? labels[label] : `${label} ${labels[label]}`,
    )
    .join(', ');
}

const rank = (incident: Incident): number => {
  const at = SEVERITIES.indexOf(incident.escalated?.severity ?? kindOf(incident).severity);
  return at < 0 ? SEVERITIES.length : at;
};

const link = (incident: Incident) => html`<a href="${pageOf(incident)}">${titleOf(incident)}</a>`;

export function openTable(open: readonly KeptIncident[], now: number): Html {
  if (open.length === 0) return html`<p class="good">None.</p>`;
  const worst = [...open].sort((a, b) => rank(a) - rank(b) || b.startsAt - a.startsAt);
  const rows = worst
    .slice(0, SHOWN)
    .map((one) => [
      severity(one),
      link(one),
      where(one),
      `${span(now - one.startsAt)}`,
      one.acknowledged ? 'yes' : 'no',
    ]);
  return html`${table(
    'What is wrong now, worst first',
    ['Severity', 'Incident', 'Where', 'Since', 'Acknowledged'],
    rows,
  )}${open.length > SHOWN && html`<p>And ${open.length - SHOWN} more: <a href="/incidents">all incidents</a>.</p>`}`;
}

export function listPage(all: readonly KeptIncident[], now: number): Page {
  const open = all.filter(({ resolved }) => resolved === undefined);
  const over = all.filter(({ resolved }) => resolved !== undefined);
  const rows = over
    .slice(0, 2 * SHOWN)
    .map((one) => [
      severity(one),
      link(one),
      where(one),
      moment(one.startsAt, now),
      span(one.resolved! - one.startsAt),
      verdictOf(one),
    ]);
  const body = html`<section aria-labelledby="open"><h2 id="open">Open</h2>
${openTable(open, now)}</section>
<section aria-labelledby="over"><h2 id="over">Resolved</h2>
${
  rows.length === 0
    ? html`<p>None is remembered.</p>`
    : table('What is over, newest first', ['Severity', 'Incident', 'Where', 'Began', 'Lasted', 'Verdict'], rows)
}
${over.length > rows.length && html`<p>And ${over.length - rows.length} more: <code>GET /api/v1/incidents?state=resolved</code>.</p>`}</section>`;
  return { title: 'Incidents', body };
}

function verdictOf({ verdict, counted }: KeptIncident): string {
  return (verdict?.verdict ?? (counted === undefined ? 'none yet' : 'none')).replace('_', ' ');
}

/** `action`: the signed address that a button posts to. */
export function incidentPage(incident: KeptIncident, now: number, action: (act: Act) => string): Page {
  const { labels, resolved, remedies, escalated, counted, told } = incident;
  const place = where(incident);
  const acts = (Object.keys(ACT_WORDS) as Act[]).filter((act) =>
    act === 'acknowledge'
      ? resolved === undefined && incident.acknowledged === undefined
      : counted === undefined && incident.verdict?.verdict !== act,
  );
  const body = html`${facts([
    ['State', resolved === undefined ? html`<strong>open</strong>` : 'resolved'],
    ['Severity', severity(incident)],
    ...(escalated ? [['Escalated', html`from ${kindOf(incident).severity}, since no remedy helped`] as const] : []),
    ['Issue', kindOf(incident).issue_type],
    ['Alert', labels.alertname ?? ''],
    ...(place ? [['Where', place] as const] : []),
    ['Last told of', moment(told, now)],
    ['Verdict', verdictOf(incident)],
  ])}
<section aria-labelledby="act"><h2 id="act">Acknowledge and judge</h2>
${
  acts.length === 0
    ? html`<p>Nothing is left to say: it counts as ${counted?.replace('_', ' ')}.</p>`
    : html`<div class="acts">${acts.map(
        (act) =>
          html`<form method="post" action="${action(act)}"><button title="${ACT_WORDS[act].about}">${ACT_WORDS[act].press}</button></form>\n`,
      )}</div>`
}</section>
<section aria-labelledby="timeline"><h2 id="timeline">What happened when</h2>
${timeline(incident, now)}</section>
<section aria-labelledby="remedies"><h2 id="remedies">Remedies</h2>
${remedies.length === 0 ? html`<p>None was tried.</p>` : remedies.map((one) => remedy(one, now))}</section>
<section aria-labelledby="labels"><h2 id="labels">Labels</h2>
${facts(Object.entries(labels).sort())}</section>`;
  return { title: titleOf(incident), body };
}

function timeline(incident: KeptIncident, now: number): Html {
  const { onset, startsAt, heard, acknowledged, acted, escalated, resolved, verdict } = incident;
  const moments: [at: number | undefined, what: string][] = [
    [onset, 'Onset: the first bad minute in the data'],
    [startsAt, 'Detected: the alert began to fire'],
    [heard, 'Heard of here'],
    [acknowledged, 'Acknowledged'],
    [acted, 'Acted: the first remedy was applied'],
    [escalated?.at, `Escalated to ${escalated?.severity}`],
    [resolved, 'Resolved'],
    [verdict?.at, `Judged: ${verdict?.verdict.replace('_', ' ')}`],
  ];
  const known = moments.filter((one): one is [number, string] => one[0] !== undefined);
  return html`<ol>${known.sort(([a], [b]) => a - b).map(([at, what]) => html`<li>${what}: ${moment(at, now)}</li>\n`)}</ol>`;
}

function remedy({ strategy, mode, at, score, because, steps, before, looks, outcome }: Remedied, now: number): Html {
  const measured = (what: string, one: Measured) => [
    what,
    moment(one.at, now),
    one.level === undefined ? 'nothing to measure' : String(Number(one.level.toPrecision(4))),
    one.samples ?? '',
  ];
  const figures = [...(before ? [measured('before', before)] : []), ...looks.map((look) => measured('after', look))];
  return html`<h3>${strategy}: ${outcome}</h3>
<p>${mode}, ${moment(at, now)}. Score ${score.toFixed(2)}: ${because}</p>
${
  steps.length > 0 &&
  table(
    `Steps of ${strategy}`,
    ['System', 'What', 'State', 'Tries', 'Problem'],
    steps.map(({ actuator, action, state, tries, problem }) => [
      actuator,
      inWords(action),
      state,
      tries,
      problem ?? '',
    ]),
  )
}
${figures.length > 0 && table(`What was measured for ${strategy}`, ['Look', 'When', 'Level', 'Samples'], figures)}`;
}

function inWords(action: Action): string {
  const reach = Object.entries(action.reach).map(([part, value]) => `${part} ${value}`);
  const share = action.verb === 'throttle' ? ` to ${Math.round(action.share * 100)} %` : '';
  return `${action.verb}${share}: ${reach.join(', ')}`;
}

/** The second click: following the link has changed nothing. */
export function confirmPage(incident: KeptIncident, act: Act, now: number): Page {
  const { press, about } = ACT_WORDS[act];
  return {
    title: `${press}?`,
    body: html`<p>${severity(incident)} ${titleOf(incident)}, since ${moment(incident.startsAt, now)}</p>
<p>${about}</p>
<form method="post"><button>${press}</button></form>`,
  };
}

export function donePage(incident: KeptIncident, act: Act): Page {
  const { done } = ACT_WORDS[act];
  const over = act === 'acknowledge' && incident.acknowledged === undefined;
  const until = act === 'acknowledge' ? '' : ' The verdict can be changed until it counts.';
  return {
    title: over ? 'It is over already' : 'Thank you',
    body: html`<p>${titleOf(incident)}: ${over ? 'was resolved before anybody acknowledged it, so there is nothing to acknowledge.' : `${done}.${until}`}</p>
<p><a href="${pageOf(incident)}">All that is known of it</a></p>`,
  };
}

export const messagePage = (title: string, ...paragraphs: readonly (string | Html)[]): Page => ({
  title,
  body: html`${paragraphs.map((one) => html`<p>${one}</p>\n`)}`,
});

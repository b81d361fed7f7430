/** What the program knows becomes its first page: sources and when they were last heard, lists and whether they answer, what is wrong, and where everything is. */
import { type Html, html, type Page, span, table } from './html.ts';
import { openTable } from './incident-pages.ts';
import type { Viewer } from './incident-routes.ts';
import type { Rates } from './rates.ts';
import type { Parts } from './server.ts';

const LINKS = [
  ['/incidents', 'incidents'],
  ['/checks', 'checks'],
  ['/metrics', 'metrics'],
  ['/-/healthy', 'health'],
  ['/-/ready', 'readiness'],
] as const;

/** Files beside the program. */
const DOCS = ['metrics', 'configuration', 'sources', 'checks', 'blocklists', 'incidents', 'routing'];

export function landingPage(parts: Parts, rates: Rates, viewer: Viewer): Page {
  const { ledger, version, config } = parts;
  const links = LINKS.filter(([path]) => path !== '/checks' || config().checks !== undefined);
  const body = html`<nav aria-label="Pages"><ul>${links.map(([href, text]) => html`<li><a href="${href}">${text}</a></li>`)}</ul></nav>
${ledger.busy && html`<p class="notice" role="alert">Nothing is taken at the moment: ${ledger.busy}</p>`}
<section aria-labelledby="incidents"><h2 id="incidents">Open incidents</h2>
${incidents(parts, viewer)}</section>
<section aria-labelledby="sources"><h2 id="sources">Sources</h2>
${sources(parts, rates)}</section>
<section aria-labelledby="checks"><h2 id="checks">Checks</h2>
${config().checks === undefined ? OFF : checks(parts)}</section>
<p class="soft">Version ${version}. Documentation: ${DOCS.map((name, i) => html`${i > 0 && ', '}<code>docs/${name}.md</code>`)}.</p>`;
  return { title: 'deliverability-exporter', body, home: false };
}

const OFF = html`<p>Nothing is looked up: the configuration has no <code>checks</code>.</p>`;

/** What is wrong is for those who may see it; others are told how much there is. */
function incidents({ incidents, config, now }: Parts, viewer: Viewer): Html {
  const open = [...incidents.open()].filter(({ resolved }) => resolved === undefined);
  if (config().alerts === undefined && open.length === 0)
    return html`<p>Nothing is heard of: Alertmanager may not post to <code>/alerts</code> until <code>alerts</code> is set in the configuration.</p>`;
  if (viewer === 'known') return openTable(open, now());
  const count = html`<p>${open.length === 1 ? '1 is open' : `${open.length} are open`}. `;
  return viewer === 'unknown'
    ? html`${count}<a href="/incidents">Say who you are</a> to see more.</p>`
    : html`${count}To see more, set credentials: <code>incidents.auth</code> in the configuration, or users in the file of <code>--web.config.file</code>.</p>`;
}

function sources({ intake, ledger, now }: Parts, rates: Rates): Html {
  const rows = [...intake.feeds.values()].map(({ configured: { name, type } }) => {
    const last = ledger.lastEvent.get(name);
    const rate = rates.of(name);
    return [
      name,
      type,
      last === undefined ? 'nothing yet' : `${span(now() - last)} ago`,
      rate === undefined ? '' : rate >= 10 || rate === 0 ? Math.round(rate) : rate.toPrecision(2),
    ];
  });
  if (rows.length === 0)
    return html`<p>No source is configured yet. Name one under <code>sources</code> in the configuration file.</p>`;
  return table(
    'What is listened to, and how many events a second it brought in the last 5 minutes',
    ['Source', 'Type', 'Last event', 'Events/s'],
    rows,
  );
}

/** Lists by the state that their test entries show them in, and how to ask now. */
function checks({ config, watch, now }: Parts): Html {
  const verdicts = new Map<string, Map<string, number>>();
  for (const { list, verdict } of watch.states.lists.values()) {
    const its = verdicts.get(list) ?? new Map<string, number>();
    verdicts.set(list, its.set(verdict, (its.get(verdict) ?? 0) + 1));
  }
  const rows = (config().checks?.lists ?? []).map(({ name }) => {
    const health = watch.states.health.get(name);
    const { state, cause } = health ?? { state: 'not tested yet', cause: '' };
    const counts = [...(verdicts.get(name) ?? [])].sort().map(([verdict, count]) => `${verdict} ${count}`);
    const age = health === undefined ? '' : `${span(now() - health.at)} ago`;
    return [name, cause === '' || cause === state ? state : `${state} ${cause}`, age, counts.join(', ')];
  });
  return html`<form action="/checks/blocklist">
<p><label>Ask the lists now about an IP address or domain: <input name="target" required></label> <button>Ask</button></p>
</form>
<p><a href="/checks">All checks</a> are asked at <code>/checks/NAME?target=…</code>; <code>&amp;debug=true</code> tells every step.
<code>docs/checks.md</code> says what they find and what to do about it.</p>
${
  rows.length > 0 &&
  table('Lists, and how many addresses and domains they say what of', ['List', 'State', 'Tested', 'Verdicts'], rows)
}`;
}

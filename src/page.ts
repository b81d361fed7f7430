/** What the program knows becomes a page for people: sources and when they were last heard, lists and whether they answer, and where everything is. No script, no build. */
import type { Parts } from './server.ts';

const LINKS = [
  ['/metrics', 'metrics'],
  ['/-/healthy', 'health'],
  ['/-/ready', 'readiness'],
] as const;

export function landingPage(parts: Parts): string {
  const { intake, ledger, version, now } = parts;
  const rows = [...intake.feeds.values()].map(({ configured }) => {
    const last = ledger.lastEvent.get(configured.name);
    const heard = last === undefined ? 'nothing yet' : `${Math.round((now() - last) / 1000)} s ago`;
    return `<tr><td>${html(configured.name)}</td><td>${html(configured.type)}</td><td>${heard}</td></tr>`;
  });
  const table = rows.length
    ? `<table><thead><tr><th>Source</th><th>Type</th><th>Last event</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
    : '<p>No source is configured yet. Name one under <code>sources</code> in the configuration file.</p>';
  const state = ledger.busy ? `<p role="alert">Nothing is taken at the moment: ${html(ledger.busy)}</p>` : '';
  const lookups = parts.config().checks === undefined ? OFF : checks(parts);
  const links = LINKS.map(([href, text]) => `<a href="${href}">${text}</a>`).join(' · ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>deliverability-exporter</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
</style>
</head>
<body>
<main>
<h1>deliverability-exporter</h1>
<p>Version ${html(version)}. ${links}</p>
${state}
<h2>Sources</h2>
${table}
<h2>Checks</h2>
${lookups}
</main>
</body>
</html>
`;
}

const OFF = '<p>Nothing is looked up: the configuration has no <code>checks</code>.</p>';

/** Lists by the state that their test entries show them in, and how to ask now. */
function checks({ config, watch, now }: Parts): string {
  const rows = (config().checks?.lists ?? []).map(({ name }) => {
    const health = watch.states.health.get(name);
    const { state, cause } = health ?? { state: 'not tested yet', cause: '' };
    const age = health === undefined ? '' : `${Math.round((now() - health.at) / 1000)} s ago`;
    return `<tr><td>${html(name)}</td><td>${html(`${state} ${cause}`.trim())}</td><td>${age}</td></tr>`;
  });
  const table = `<table><thead><tr><th>List</th><th>State</th><th>Tested</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
  return `<form action="/checks/blocklist">
<p><label>Ask the lists now about an IP address or domain: <input name="target" required></label> <button>Ask</button></p>
</form>
<p><a href="/checks">All checks</a> are asked at <code>/checks/NAME?target=…</code>; <code>&amp;debug=true</code> tells every step.
<code>docs/checks.md</code> says what they find and what to do about it.</p>
${rows.length > 0 ? table : ''}`;
}

function html(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

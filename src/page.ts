/** What the program knows becomes a page for people: sources and when they were last heard, and where everything is. No script, no build. */
import type { Parts } from './server.ts';

const LINKS = [
  ['/metrics', 'metrics'],
  ['/-/healthy', 'health'],
  ['/-/ready', 'readiness'],
] as const;

export function landingPage({ intake, ledger, version, now }: Parts): string {
  const rows = [...intake.feeds.values()].map(({ configured }) => {
    const last = ledger.lastEvent.get(configured.name);
    const heard = last === undefined ? 'nothing yet' : `${Math.round((now() - last) / 1000)} s ago`;
    return `<tr><td>${html(configured.name)}</td><td>${html(configured.type)}</td><td>${heard}</td></tr>`;
  });
  const table = rows.length
    ? `<table><thead><tr><th>Source</th><th>Type</th><th>Last event</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
    : '<p>No source is configured yet. Name one under <code>sources</code> in the configuration file.</p>';
  const state = ledger.busy ? `<p role="alert">Nothing is taken at the moment: ${html(ledger.busy)}</p>` : '';
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
</main>
</body>
</html>
`;
}

function html(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

/** Templates become pages for people: text of others is escaped wherever it is put, and the one style is all that a page may load. */
import { hash } from 'node:crypto';
import type { Response } from 'express';

/** Markup, as against text that is still to be escaped. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Piece = Html | string | number | false | undefined | readonly Piece[];

/** `html\`<p>${text}</p>\``: text is escaped, Html stays, lists are joined, false and undefined are nothing. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return new Html(strings.reduce((text, string, i) => text + written(pieces[i - 1]) + string));
}

function written(piece: Piece): string {
  if (piece instanceof Html) return piece.text;
  if (piece === false || piece === undefined) return '';
  if (typeof piece === 'object') return piece.map(written).join('');
  return String(piece)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;');
}

const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif;
  --back: light-dark(#fff, #15171b); --raised: light-dark(#f3f4f6, #22252b); --line: light-dark(#d3d6dc, #3b3f48);
  --text: light-dark(#1b1c20, #e7e8ec); --soft: light-dark(#565a63, #a9adb8); --link: light-dark(#0b57d0, #8ab4f8);
  --critical: light-dark(#a8001c, #ff929d); --high: light-dark(#9a3a00, #ffb07a); --medium: light-dark(#735400, #f0cd68);
  --low: light-dark(#1a5aa3, #8fbcf8); --info: light-dark(#565a63, #a9adb8); --good: light-dark(#1c6b32, #80d895); }
* { box-sizing: border-box; }
body { background: var(--back); color: var(--text); max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
a { color: var(--link); }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; }
.soft, caption { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; overflow-wrap: normal; }
caption { text-align: left; padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
dl div { display: flex; flex-wrap: wrap; gap: 0 1rem; padding: .125rem 0; }
dt { color: var(--soft); flex: 0 0 9rem; }
dd { margin: 0; flex: 1 1 15rem; }
.severity { font-weight: 600; color: var(--info); }
.critical { color: var(--critical); } .high { color: var(--high); } .medium { color: var(--medium); } .low { color: var(--low); } .good { color: var(--good); }
.acts { display: flex; flex-wrap: wrap; gap: .5rem; }
button { font: inherit; color: var(--text); background: var(--raised); border: 1px solid var(--soft); border-radius: .4rem; padding: .5rem 1rem; min-height: 2.75rem; cursor: pointer; }
input { font: inherit; color: var(--text); background: var(--back); border: 1px solid var(--soft); border-radius: .4rem; padding: .5rem; max-width: 100%; min-height: 2.75rem; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.notice { border-left: .3rem solid var(--high); padding: .25rem 1rem; background: var(--raised); }
code { overflow-wrap: anywhere; }
`;

/** The one style by its hash; forms post to us alone; nobody frames a page to have its buttons pressed unseen. */
const POLICY = `default-src 'none'; style-src 'sha256-${hash('sha256', STYLE, 'base64')}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

export interface Page {
  title: string;
  /** Shown instead of the title at the top, where it is more than words. */
  heading?: Html;
  body: Html;
  /** Of the way back; not on the first page itself. */
  home?: boolean;
}

/** Pages are of the moment, may hold what not everybody is to see, and lead to links that are signed. */
export function send(response: Response, status: number, { title, heading, body, home = true }: Page): void {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Html(STYLE)}</style>
</head>
<body>
${home && html`<header><nav aria-label="Pages"><ul><li><a href="/">deliverability-exporter</a></li><li><a href="/incidents">incidents</a></li></ul></nav></header>`}
<main>
<h1>${heading ?? title}</h1>
${body}
</main>
</body>
</html>
`;
  response
    .status(status)
    .set({
      'Cache-Control': 'no-store',
      'Content-Security-Policy': POLICY,
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'DENY',
    })
    .type('html')
    .send(page.text);
}

/** On a small screen it is moved sideways, by keys, too. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly Piece[])[]): Html {
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table><caption>${caption}</caption>
<thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${rows.map((cells) => html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody></table></div>`;
}

export function facts(pairs: readonly (readonly [name: string, value: Piece])[]): Html {
  return html`<dl>${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>\n`)}</dl>`;
}

/** `45 s`, `12 min`, `3 h`, `2 d`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** The moment, and for a glance how long ago. */
export function moment(at: number, now: number): Html {
  const iso = new Date(at).toISOString();
  const ago = at <= now ? `${span(now - at)} ago` : `in ${span(at - now)}`;
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time> <span class="soft">(${ago})</span>`;
}

/** The pages for people, by the real program: what stands on them for whom, that nothing is loaded, and that one can read them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import bcrypt from 'bcryptjs';
import { html, span } from '../src/html.ts';
import { type Exporter, folder, startExporter } from './exporter.ts';

const SRE = { authorization: `Basic ${btoa('sre:see')}` };
const AUTH = 'incidents: { auth: { basic: [ { username: sre, password: { env: SEE } } ] } }';
const CONFIG = `
scrape_interval: 1s
alerts: { auth: none }
checks: { blocklists: { lists: [psbl] } }
resolver: { servers: ['127.0.0.1:1'] }
sources: { push: { auth: none }, quiet: { type: push, auth: none } }
`;

const BEGAN = Date.now() - 3 * 3600_000;

function alerts(...severities: string[]): string {
  return JSON.stringify({
    alerts: severities.map((severity, i) => ({
      status: 'firing',
      labels: { alertname: 'A', issue_type: 'high_bounce_rate', severity, sending_domain: 'secret.example.com' },
      annotations: { summary: `Bounces ${severity}` },
      startsAt: new Date(BEGAN + i).toISOString(),
      fingerprint: severity,
    })),
  });
}

async function page(exporter: Exporter, path = '/', headers: Record<string, string> = {}) {
  const response = await fetch(exporter.url + path, { headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

async function filled(t: TestContext, config: string, flags: string[] = []): Promise<Exporter> {
  const exporter = await startExporter(t, { config, flags, env: { SEE: 'see' } });
  const alerted = await exporter.post('/alerts', alerts('low', 'critical', 'odd', 'high'));
  assert.equal(alerted.status, 200);
  return exporter;
}

test('incidents are shown to those who may see them, worst first; others learn how many there are and what to do', async (t) => {
  const exporter = await filled(t, CONFIG + AUTH);
  const known = (await page(exporter, '/', SRE)).text;
  const order = [...known.matchAll(/>Bounces (\w+)</g)].map(([, severity]) => severity);
  assert.deepEqual(order, ['critical', 'high', 'low', 'odd']);
  assert.match(known, /secret\.example\.com/);
  for (const headers of [{}, { authorization: `Basic ${btoa('sre:so')}` }]) {
    const { text } = await page(exporter, '/', headers);
    assert.match(text, /4 are open\. <a href="\/incidents">/);
    assert.doesNotMatch(text, /Bounces|secret/);
  }
  const open = await filled(t, CONFIG);
  const { text } = await page(open);
  assert.match(text, /4 are open\. To see more, set credentials: <code>incidents\.auth<\/code>/);
  assert.doesNotMatch(text, /Bounces|secret/);
  const file = join(folder(t), 'web.yml');
  writeFileSync(file, `basic_auth_users: { sre: '${bcrypt.hashSync('see', 4)}' }`);
  const gated = await filled(t, CONFIG, [`--web.config.file=${file}`]);
  assert.equal((await page(gated)).status, 401);
  assert.match((await page(gated, '/', SRE)).text, /Bounces critical/);
  assert.match((await page(await startExporter(t))).text, /Nothing is heard of/);
});

test('sources with their last event and rate, lists with their state', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const events = Array.from({ length: 200 }, (_, n) => ({
    id: `e${n}`,
    kind: 'delivered',
    at: new Date().toISOString(),
  }));
  await exporter.post('/api/v1/events', JSON.stringify(events));
  const { text } = await page(exporter);
  const [, ago, rate] = /<td>push<\/td><td>push<\/td><td>(\d+) s ago<\/td><td>([\d.]+)<\/td>/.exec(text)!;
  assert.ok(Number(ago) < 10 && Number(rate) > 1 && Number(rate) <= 200, `${ago} ${rate}`);
  assert.match(text, /<td>quiet<\/td><td>push<\/td><td>nothing yet<\/td><td>0<\/td>/);
  assert.match(text, /<td>psbl<\/td>/);
});

test('pages are one document each, that loads nothing, and every part of it has a name', async (t) => {
  const exporter = await filled(t, CONFIG + AUTH);
  const { incidents } = JSON.parse((await page(exporter, '/api/v1/incidents', SRE)).text) as {
    incidents: { links: Record<string, string> }[];
  };
  const { links } = incidents[0]!;
  const paths = ['/', '/incidents', links.page!, links.acknowledge!, '/incidents/none', `${links.duplicate}x`];
  for (const path of paths) {
    const { text, headers } = await page(exporter, path, SRE);
    assert.equal((text.match(/<h1[ >]/g) ?? []).length, 1, path);
    assert.equal((text.match(/<main>/g) ?? []).length, 1, path);
    assert.match(text, /^<!doctype html>\n<html lang="en">/);
    assert.match(text, /<meta name="viewport"/);
    assert.doesNotMatch(text, /<script|<iframe|<img| style="| on\w+="|https?:\/\//, path);
    const ids = [...text.matchAll(/ id="(\w+)"/g)].map(([, id]) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const [, id] of text.matchAll(/aria-labelledby="(\w+)"/g)) assert.ok(ids.includes(id), id);
    assert.equal(text.split('<table>').length, text.split('<caption>').length, path);
    assert.equal(text.split('<input').length, text.split('<label>').length, path);
    assert.doesNotMatch(text, /<button[^>]*><\/button>|<th scope="col"><\/th>/, path);
    const style = /<style>([\s\S]*)<\/style>/.exec(text)![1]!;
    const policy = headers.get('content-security-policy')!;
    assert.ok(policy.includes(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`), path);
    for (const directive of ["default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"])
      assert.ok(policy.includes(directive), directive);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    for (const [, href] of text.matchAll(/<a href="([^"]+)"/g)) {
      const response = await fetch(exporter.url + href!.replaceAll('&amp;', '&'), { headers: SRE });
      assert.ok(response.status === 200 || href === '/-/ready', `${href} on ${path}: ${response.status}`);
    }
  }
  const head = await fetch(exporter.url, { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [200, '']);
});

test('every colour stands out from what is behind it, light and dark (WCAG 2, 1.4.3)', async (t) => {
  const exporter = await startExporter(t);
  const style = /<style>([\s\S]*)<\/style>/.exec((await page(exporter)).text)![1]!;
  const colours = [...style.matchAll(/--(\w+): light-dark\((#[0-9a-f]{3,6}), (#[0-9a-f]{3,6})\)/g)];
  const schemes = [2, 3].map((at) => Object.fromEntries(colours.map((found) => [found[1]!, found[at]!])));
  for (const { back, line, raised, ...texts } of schemes) {
    assert.ok(line && Object.keys(texts).length >= 9);
    for (const [name, colour] of Object.entries(texts))
      for (const behind of [back!, raised!])
        assert.ok(contrast(colour, behind) >= 4.5, `${name} on ${behind}: ${contrast(colour, behind)}`);
  }
});

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(hex: string): number {
  const full = hex.length === 4 ? hex.replace(/[0-9a-f]/g, '$&$&') : hex;
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(full.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

test('templates take text for text and markup for markup', () => {
  const evil = `<b>&"'`;
  assert.equal(
    html`<i title="${evil}">${evil}</i>`.text,
    '<i title="&lt;b&gt;&amp;&quot;&#39;">&lt;b&gt;&amp;&quot;&#39;</i>',
  );
  assert.equal(html`${[html`<br>`, '<', 0, false, undefined]}`.text, '<br>&lt;0');
  assert.deepEqual([0, 119_000, 120_000, 7_100_000, 7_200_000, 180_000_000, -5].map(span), [
    '0 s',
    '119 s',
    '2 min',
    '118 min',
    '2 h',
    '2 d',
    '0 s',
  ]);
});

/**
 * What people read: the templates by amtool, then by real Alertmanagers that speak to a Slack, a PagerDuty, a telephone service and
 * a mail server of the test, as people.yml without its stand-in makes them.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { freePorts, start } from '../stack/processes.ts';
import { tool } from '../stack/tools.ts';
import { folder } from './exporter.ts';
import { ALERTMANAGERS, routed, shippedPeople, soon } from './routing-real.ts';

const TEMPLATES = join(import.meta.dirname, '../alertmanager/templates/*.tmpl');

/** A campaign's name is whatever its sender wrote. */
const EVIL = 'Black "Friday" & <!channel> 100%';
const campaign = {
  labels: {
    alertname: 'EmailCampaignBouncing',
    severity: 'high',
    issue_type: 'high_bounce_rate',
    source: 'sendgrid',
    sending_domain: 'news.example.com',
    campaign: EVIL,
    tier: 'production',
  },
  annotations: {
    summary: `Campaign ${EVIL} of news.example.com bounces.`,
    description:
      '12.4% of 18.2k messages of the campaign bounced in 60 minutes: with 95 % confidence at least 11.9%. The threshold is 10%.',
    recommended_actions:
      '1. Pause the campaign.\n2. Find the segment or import.\n3. Validate <b>what</b> <!here> is left & go on.',
    dashboard_url: '/d/deliverability-overview?var-sending_domain=news.example.com&var-campaign=x',
    runbook_url: 'docs/runbooks/EmailCampaignBouncing.md',
  },
  startsAt: '2026-11-24T03:42:41Z',
};
const DATA = {
  receiver: 'ops-email',
  status: 'firing',
  externalURL: 'http://alertmanager.example.com',
  groupLabels: {},
  commonLabels: campaign.labels,
  commonAnnotations: {},
  alerts: [
    {
      status: 'resolved',
      labels: { alertname: 'EmailRateUnusual', severity: 'high' },
      annotations: { summary: 'Mail of news.example.com does unusually badly.' },
      startsAt: '2026-11-24T03:00:00Z',
      endsAt: '2026-11-24T03:40:00Z',
      fingerprint: '2',
    },
    { status: 'firing', endsAt: '0001-01-01T00:00:00Z', fingerprint: '9f0c', ...campaign },
  ],
};
const RUNBOOK = 'https://docs.example.com/deliverability/docs/runbooks/EmailCampaignBouncing.md';
const DASHBOARD = 'http://localhost:3000/d/deliverability-overview?var-sending_domain=news.example.com&var-campaign=x';
const VERDICT = 'http://localhost:9871/incidents/9f0c?since=1795491761';
const SILENCE =
  'http://alertmanager.example.com/#/silences/new?filter=%7Bcampaign%3D%22Black%20%5C%22Friday%5C%22%20%26%20%3C%21channel%3E%20100%25%22' +
  '%2Cissue_type%3D%22high_bounce_rate%22%2Csending_domain%3D%22news.example.com%22%2Cseverity%3D%22high%22%2Csource%3D%22sendgrid%22' +
  '%2Ctier%3D%22production%22%2Calertname%3D~%22EmailCampaignBouncing%22%7D';

const TEXT = `Campaign ${EVIL} of news.example.com bounces.

Severity: high
Issue: high_bounce_rate
Resource: news.example.com, campaign ${EVIL}, source sendgrid
Tier: production
Detected: 2026-11-24 03:42:41 UTC

${campaign.annotations.description}

${campaign.annotations.recommended_actions}

Dashboard: ${DASHBOARD}
Runbook: ${RUNBOOK}
Was it right? ${VERDICT}

Resolved at 2026-11-24 03:40:00 UTC: Mail of news.example.com does unusually badly.

Silence: ${SILENCE}`;

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const SHORT: Record<string, string> = {
  title: `[HIGH] Campaign ${EVIL} of news.example.com bounces.`,
  'slack.title': `[HIGH] Campaign ${escaped(EVIL)} of news.example.com bounces.`,
  color: '#c2410c',
  'pager.severity': 'error',
  'pager.class': 'high_bounce_rate',
  resource: `news.example.com, campaign ${EVIL}, source sendgrid`,
  runbook: RUNBOOK,
  dashboard: DASHBOARD,
  silence: SILENCE,
  verdict: VERDICT,
  text: TEXT,
};
/** Severity → colour, and PagerDuty's word. */
const SEVERITIES: Record<string, [color: string, pager: string]> = {
  critical: ['#c4162a', 'critical'],
  high: ['#c2410c', 'error'],
  medium: ['#8a6d00', 'warning'],
  low: ['#3274d9', 'warning'],
  info: ['#6e7687', 'info'],
};

for (const name of ['amtool', 'amtool-next'] as const) {
  test(`${name} renders what people read`, async (t) => {
    const dir = folder(t);
    const render = async (text: string, data: object, type = 'text') => {
      writeFileSync(join(dir, 'data.json'), JSON.stringify(data));
      const given = [
        `--template.glob=${TEMPLATES}`,
        `--template.data=${join(dir, 'data.json')}`,
        `--template.type=${type}`,
      ];
      const args = ['template', 'render', ...given, `--template.text=${text}`];
      return (await promisify(execFile)(await tool(name), args)).stdout;
    };
    const call = (template: string) => `{{ template "deliverability.${template}" . }}`;
    // One run for all of them: a line that no template writes stands between.
    const all = await render(Object.keys(SHORT).map(call).join('\n=====\n'), DATA);
    const parts = all.split('\n=====\n').map((part) => part.trim());
    assert.deepEqual(Object.fromEntries(Object.keys(SHORT).map((key, i) => [key, parts[i]])), SHORT);

    for (const [severity, [color, pager]] of Object.entries(SEVERITIES)) {
      const data = { ...DATA, commonLabels: { ...DATA.commonLabels, severity } };
      assert.equal((await render(`${call('color')} ${call('pager.severity')}`, data)).trim(), `${color} ${pager}`);
    }
    const over = { ...DATA, status: 'resolved', alerts: DATA.alerts.slice(0, 1) };
    assert.equal(
      (await render(`${call('title')} ${call('color')}`, over)).trim(),
      '[RESOLVED] Mail of news.example.com does unusually badly. #1f7a37',
    );

    // Somebody else's alert has none of the labels and annotations.
    const bare = { ...DATA.alerts[1], labels: { alertname: 'NodeDown', instance: 'db1' }, annotations: {} };
    const foreign = { ...DATA, commonLabels: bare.labels, alerts: [bare] };
    const said = await render(`${call('title')} ${call('slack.text')} ${call('slack.issue')}`, foreign);
    assert.equal(said.trim().replaceAll(/\s+/g, ' '), '[ALERT] NodeDown NodeDown');
    assert.match(await render(call('html'), foreign, 'html'), /<h1[^>]*>NodeDown<\/h1>/);

    // A storm: Slack gets five, the mail twenty, both say how many there are.
    const storm = { ...DATA, alerts: Array.from({ length: 30 }, () => DATA.alerts[1]) };
    assert.equal((await render(call('slack.text'), storm)).match(/12\.4%/g)!.length, 5);
    assert.match(await render(call('slack.text'), storm), /All 30: http:\/\/alertmanager/);
    const mail = await render(call('html'), storm, 'html');
    assert.equal(mail.match(/<h1/g)!.length, 20);
    assert.match(mail, /The first 20 of 30\./);
  });

  test(`${name} renders the HTML of a mail, and nothing in a label becomes markup`, async (t) => {
    const dir = folder(t);
    writeFileSync(join(dir, 'data.json'), JSON.stringify(DATA));
    const args = ['template', 'render', `--template.glob=${TEMPLATES}`, `--template.data=${join(dir, 'data.json')}`];
    const { stdout: html } = await promisify(execFile)(await tool(name), [
      ...[...args, '--template.type=html', '--template.text={{ template "deliverability.html" . }}'],
    ]);
    const links = [...html.matchAll(/<a href="([^"]*)"[^>]*>([^<]*)<\/a>/g)].map(([, href, text]) => [
      text,
      href!.replaceAll('&amp;', '&'),
    ]);
    assert.deepEqual(Object.fromEntries(links.slice(0, 2)), { Runbook: RUNBOOK, Dashboard: DASHBOARD });
    assert.equal(links[2]![1]!.toLowerCase(), SILENCE.toLowerCase().replace('%3d~', '%3d'));
    assert.deepEqual(links[3], ['Was it right?', VERDICT]);
    const text = html.replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ');
    const wanted = [
      'HIGH',
      'high_bounce_rate',
      '2026-11-24 03:42:41 UTC',
      '12.4% of 18.2k',
      'The threshold is 10%',
      '3. Validate',
    ];
    for (const part of wanted) assert.ok(text.includes(part), part);
    assert.doesNotMatch(html, /<!channel|<!here|<b>|ZgotmplZ|<no value>/);
    assert.doesNotMatch(html, /(src|background)=|url\(|@import|<script/);
  });
}

// --- Delivered -----------------------------------------------------------------------------------------------------------

interface Post {
  path: string;
  authorization: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: three foreign payloads, looked into by path
  body: any;
}

const ALL = ['slack', 'email', 'pager', 'phone', 'webhook'] as const;

for (const name of ALERTMANAGERS) {
  test(`${name} speaks to Slack, PagerDuty, a telephone service and a mail server`, async (t) => {
    const dir = folder(t);
    const posts: Post[] = [];
    const server = createServer(async (request, response) => {
      const { url: path = '', headers } = request;
      posts.push({ path, authorization: headers.authorization, body: await json(request) });
      response.writeHead(path === '/pager' ? 202 : 200, { 'content-type': 'application/json' }).end('{"ok":true}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const [smtp] = await freePorts(1);
    const sink = start('smtp-sink', await tool('smtp-sink'), [
      '-u',
      'root',
      '-d',
      `${dir}/mail.`,
      `127.0.0.1:${smtp}`,
      '10',
    ]);
    t.after(() => sink.stop());

    const { stand_in: _, ...people } = shippedPeople();
    people.channels = { 'business hours': [...ALL], 'after hours': [...ALL], weekends: [...ALL], always: [] };
    people.mail = { from: 'alerts@example.com', smarthost: `127.0.0.1:${smtp}` };
    const real = await routed(t, name, people, (text) =>
      text
        .replace('\nglobal:\n', `\nglobal:\n  smtp_require_tls: false\n  pagerduty_url: ${here}/pager\n`)
        .replaceAll('https://slack.com/api/chat.postMessage', `${here}/slack`)
        .replaceAll(/https:\/\/phone\.example\.com/g, `${here}/phone`)
        .replaceAll('https://monitoring.example.com', here),
    );
    await real.post([{ ...campaign, generatorURL: 'http://prometheus.example.com/graph' }]);
    const mails = () =>
      readdirSync(dir)
        .filter((file) => file.startsWith('mail.'))
        .map((file) => readFileSync(join(dir, file), 'utf8').replaceAll('\r', ''))
        .filter((letter) => letter.includes('</html>'));
    const done = () => posts.length >= 4 * 3 && mails().length >= 4;
    assert.ok(await soon(done, 30), `${real.log()}\n${sink.log()}`);
    const fingerprint = /incidents\/([0-9a-f]{16})\?/.exec(
      JSON.stringify(posts.find(({ path }) => path === '/pager')),
    )![1]!;
    const verdict = VERDICT.replace('9f0c', fingerprint);
    const silence = SILENCE.replace('http://alertmanager.example.com', real.url);
    const links = { Runbook: RUNBOOK, Dashboard: DASHBOARD, Silence: silence, Verdict: verdict };
    const { description, recommended_actions } = campaign.annotations;

    const slack = posts.find(({ path, body }) => path === '/slack' && body.channel === '#mail-ops')!;
    assert.equal(slack.authorization, 'Bearer secret of the test');
    const [message] = slack.body.attachments;
    assert.equal(message.color, '#c2410c');
    assert.equal(message.title, SHORT['slack.title']);
    assert.equal(message.text.trim(), `${description}\n*What to do*\n${escaped(recommended_actions)}`);
    const fields = Object.fromEntries(
      message.fields.map((one: { title: string; value: string }) => [one.title, one.value.trim()]),
    );
    assert.deepEqual(fields, {
      Severity: 'high',
      Issue: 'high_bounce_rate',
      Resource: `campaign ${escaped(EVIL)}\nsending_domain news.example.com\nsource sendgrid\ntier production`,
      Detected: '2026-11-24 03:42:41 UTC',
    });
    assert.deepEqual(
      Object.fromEntries(message.actions.map((one: { text: string; url: string }) => [one.text, one.url])),
      links,
    );

    const pager = posts.find(({ path }) => path === '/pager')!.body;
    assert.equal(pager.routing_key, 'secret of the test');
    assert.equal(pager.event_action, 'trigger');
    assert.equal(pager.payload.summary, SHORT.title);
    assert.equal(pager.payload.severity, 'error');
    assert.equal(pager.payload.component, SHORT.resource);
    const details = pager.payload.custom_details;
    assert.equal(details.detected.trim(), '2026-11-24 03:42:41 UTC');
    assert.equal(details.description.trim(), description);
    assert.equal(details.recommended_actions.trim(), recommended_actions);
    assert.deepEqual(
      Object.fromEntries(pager.links.map((one: { text: string; href: string }) => [one.text, one.href])),
      links,
    );

    const phone = posts.find(({ path }) => path === '/phone/ops')!;
    assert.equal(phone.authorization, 'Bearer secret of the test');
    const [alert] = phone.body.alerts;
    assert.deepEqual([alert.labels, alert.annotations], [campaign.labels, campaign.annotations]);
    assert.deepEqual([Date.parse(alert.startsAt), alert.fingerprint], [Date.parse(campaign.startsAt), fingerprint]);

    const letters = mails();
    const to = letters.map((letter) => /^To: (.*)$/m.exec(letter)![1]!.replaceAll(/[<>]/g, '')).sort();
    assert.deepEqual(to, ['data@example.com', 'email-team@example.com', 'ops@example.com', 'security@example.com']);
    const letter = letters[0]!;
    assert.match(letter, /^Auto-Submitted: auto-generated$/m);
    assert.match(letter, /^Subject: .*\[HIGH\]/m);
    assert.ok(letter.includes('text/plain') && letter.includes('text/html'));
    // Quoted-printable, as far as the links need it.
    const plain = letter
      .replaceAll('=\n', '')
      .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    for (const part of [RUNBOOK, DASHBOARD, silence, verdict, description, recommended_actions])
      assert.ok(plain.includes(part), part);
    const paths = posts.map(({ path, body }) => `${path} ${body.channel ?? body.routing_key ?? ''}`);
    assert.equal(paths.filter((path) => path === '/phone/ops ').length, 1);
    assert.equal(paths.filter((path) => path === '/slack #mail-ops').length, 1);
  });
}

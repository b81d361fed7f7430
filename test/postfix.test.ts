/** What a real Postfix delivers, defers and bounces, and what its sinks saw of it, against the counters: equal, whatever happens between. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, folder, startExporter } from './exporter.ts';
import { Postfix } from './mta/postfix.ts';
import { Sink } from './mta/smtp.ts';

test('counters equal what the sinks saw, across rotation and a kill', async (t) => {
  const [accepts, defers, refuses] = [
    await Sink.start(t, 'accept'),
    await Sink.start(t, 'defer'),
    await Sink.start(t, 'refuse'),
  ];
  const postfix = await Postfix.start(t, folder(t), {
    'gmail.com': accepts,
    'defer.example': defers,
    'refuse.example': refuses,
  });
  const storage = join(folder(t), 'data');
  const config = `
scrape_interval: 1s
sources: { mta1: { type: postfix, files: [${postfix.log}], sending_ip: 192.0.2.60 } }`;
  let exporter = await startExporter(t, { config, storage });

  await postfix.send(60, 'news@example.com', 'reader@gmail.com');
  await postfix.send(20, 'promo@example.net', 'reader@refuse.example');
  await postfix.send(5, 'news@example.com', 'reader@defer.example');
  await eventually(
    'some of it is counted',
    async () => ((await exporter.metric('deliverability_exporter_events_total', { result: 'counted' })) ?? 0) > 20,
  );
  await exporter.stop('SIGKILL');
  await postfix.send(30, 'promo@example.net', 'reader@gmail.com');
  postfix.rotate();
  await postfix.send(25, 'news@example.com', 'reader@refuse.example');
  exporter = await startExporter(t, { config, storage });
  await postfix.send(40, 'news@example.com', 'reader@gmail.com');
  await eventually(
    'the sinks saw all of it',
    () => accepts.recipients.length === 130 && refuses.recipients.length === 45 && defers.recipients.length >= 10,
    60,
  );
  await postfix.stop();

  const total = (name: string, labels: Record<string, string>) =>
    exporter.metric(name, { source: 'mta1', sending_ip: '192.0.2.60', ...labels });
  await eventually(
    'the log is read to its end',
    async () =>
      (await total('email_delivered_total', {})) === 130 &&
      (await total('email_deferred_total', {})) === defers.recipients.length,
    30,
  );
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const expected: [name: string, labels: Record<string, string>, count: number][] = [
    ['email_delivered_total', { sending_domain: 'example.com', provider: 'google' }, 100],
    ['email_delivered_total', { sending_domain: 'example.net', provider: 'google' }, 30],
    ['email_delivered_total', {}, accepts.recipients.length],
    ['email_bounced_total', { sending_domain: 'example.com', provider: 'other' }, 25],
    ['email_bounced_total', { sending_domain: 'example.net', provider: 'other' }, 20],
    ['email_bounced_total', {}, refuses.recipients.length],
    ['email_deferred_total', { sending_domain: 'example.com' }, defers.recipients.length],
    ['email_delivery_duration_seconds_count', {}, 130],
  ];
  for (const [name, labels, count] of expected)
    assert.equal(await total(name, labels), count, `${name} ${JSON.stringify(labels)}`);
});

/** What a real Sendmail delivers, defers and bounces, and what its sinks saw of it, against the counters: equal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, folder, startExporter } from './exporter.ts';
import { Sendmail } from './mta/sendmail.ts';
import { Sink } from './mta/smtp.ts';

test('counters equal what the sinks saw of Sendmail', async (t) => {
  const accepts = await Sink.start(t, 'accept', '127.0.0.2');
  const defers = await Sink.start(t, 'defer', '127.0.0.3', accepts.port);
  const refuses = await Sink.start(t, 'refuse', '127.0.0.4', accepts.port);
  const sendmail = await Sendmail.start(t, folder(t), {
    'gmail.com': accepts,
    'defer.example': defers,
    'refuse.example': refuses,
  });
  const exporter = await startExporter(t, {
    config: `
scrape_interval: 1s
sources: { mta1: { type: sendmail, files: [${sendmail.log}] } }`,
  });
  await sendmail.send(20, 'news@example.com', 'reader@gmail.com');
  await sendmail.send(2, 'news@example.com', 'reader@defer.example');
  await sendmail.send(10, 'promo@example.net', 'reader@refuse.example');
  await sendmail.send(5, 'promo@example.net', 'reader@gmail.com', 3);
  await sendmail.send(3, 'somebody@example.org', 'root@mx1.example.net');
  const total = (name: string, labels: Record<string, string> = {}) =>
    exporter.metric(name, { source: 'mta1', ...labels });
  // retried until given up: 8 s, then the next run of the queue
  await eventually(
    'both deferred messages are given up',
    async () => (await total('email_bounced_total', { reason: 'expired' })) === 2,
    60,
  );
  await sendmail.stop();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(accepts.recipients.length, 35);
  assert.equal(refuses.recipients.length, 10);
  const expected: [name: string, labels: Record<string, string>, count: number][] = [
    ['email_delivered_total', { sending_domain: 'example.com', provider: 'google' }, 20],
    ['email_delivered_total', { sending_domain: 'example.net', provider: 'google' }, 15],
    ['email_delivered_total', {}, accepts.recipients.length],
    ['email_bounced_total', { sending_domain: 'example.net' }, refuses.recipients.length],
    ['email_bounced_total', {}, refuses.recipients.length + 2],
    ['email_deferred_total', { sending_domain: 'example.com' }, defers.recipients.length],
    ['email_delivery_duration_seconds_count', {}, accepts.recipients.length],
    ['email_accepted_total', {}, 20 + 2 + 10 + 15],
  ];
  for (const [name, labels, count] of expected)
    assert.equal(await total(name, labels), count, `${name} ${JSON.stringify(labels)}`);
  assert.ok(defers.recipients.length >= 4, 'each deferred message was tried again');
});

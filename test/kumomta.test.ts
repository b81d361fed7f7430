/** Local logs of KumoMTA, written while the program is killed again and again: the counters are what was written, and places go with their segments. */
import assert from 'node:assert/strict';
import { closeSync, fchmodSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { createZstdCompress, type ZstdCompress } from 'node:zlib';
import { type Exporter, eventually, folder, startExporter } from './exporter.ts';

let next = 0;

function record(type: 'Delivery' | 'Bounce', to: string): string {
  const refused = {
    code: 550,
    enhanced_code: { class: 5, subject: 1, detail: 1 },
    content: 'no such user',
    command: null,
  };
  const now = new Date().toISOString();
  return `${JSON.stringify({
    type,
    id: String(next++).padStart(32, '0'),
    sender: 'bounce@news.example.org',
    recipient: `somebody@${to}`,
    queue: `spring:shop@${to}`,
    site: 'mx',
    response: type === 'Bounce' ? refused : { code: 250, enhanced_code: null, content: 'OK', command: '.' },
    event_time: now,
    created_time: now,
    num_attempts: 0,
    bounce_classification: type === 'Bounce' ? 'InvalidRecipient' : 'Uncategorized',
    source_address: { address: '192.0.2.10:53211' },
    meta: {},
    headers: { From: 'hello@example.org' },
    delivery_protocol: 'ESMTP',
    nodeid: '557f3ad4-2c8c-11ee-976e-782d7e12e173',
  })}\n`;
}

/** Writes segments as KumoMTA does, and counts what it wrote. */
class Kumo {
  delivered = 0;
  bounced = 0;
  readonly #logs: string;
  #file = -1;
  #stream: ZstdCompress | undefined;
  #segments = 0;

  constructor(logs: string) {
    this.#logs = logs;
  }

  begin(plain = false): string {
    const path = join(this.#logs, `20261124-10${String(this.#segments++).padStart(4, '0')}.123456789`);
    this.#file = openSync(path, 'a');
    const file = this.#file;
    this.#stream = plain ? undefined : createZstdCompress();
    this.#stream?.on('data', (data: Buffer) => void writeSync(file, data));
    return path;
  }

  async log(delivered: number, bounced = 0): Promise<void> {
    this.delivered += delivered;
    this.bounced += bounced;
    const lines = [
      ...Array.from({ length: delivered }, () => record('Delivery', 'gmail.com')),
      ...Array.from({ length: bounced }, () => record('Bounce', 'example.net')),
    ].join('');
    const stream = this.#stream;
    if (!stream) return void writeSync(this.#file, lines);
    await new Promise((resolve) => stream.write(lines, resolve));
    await new Promise<void>((resolve) => stream.flush(() => resolve()));
  }

  /** Its rest, and no write permission any more. */
  async finish(): Promise<void> {
    const stream = this.#stream;
    if (stream) await new Promise<void>((resolve) => stream.once('end', () => resolve()).end());
    fchmodSync(this.#file, 0o444);
    closeSync(this.#file);
  }
}

async function counted(exporter: Exporter, kumo: Kumo): Promise<void> {
  const all = async () => [
    await exporter.metric('email_delivered_total', { source: 'kumo', provider: 'google' }),
    (await exporter.metric('email_bounced_total', { source: 'kumo', class: 'hard', reason: 'invalid_recipient' })) ?? 0,
  ];
  const events = () => exporter.metric('deliverability_exporter_events_total', { source: 'kumo', result: 'counted' });
  await eventually(
    'all that was written is counted',
    async () => ((await events()) ?? 0) >= kumo.delivered + kumo.bounced,
    60,
  ).catch(async (error: Error) => {
    throw new Error(`${error.message}: ${await events()} of ${kumo.delivered + kumo.bounced}`);
  });
  // what came one time too often, or is shown at 0 for now
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.deepEqual(await all(), [kumo.delivered, kumo.bounced]);
  for (const result of ['duplicate', 'late', 'invalid', 'unknown'])
    assert.equal(await exporter.metric('deliverability_exporter_events_total', { source: 'kumo', result }), 0, result);
}

const configuration = (logs: string, more = '') => `
scrape_interval: 1s
${more}
sources: { kumo: { type: kumomta, files: ['${logs}/*'] } }`;

test('segments are counted exactly, whatever is killed, finished, renamed and deleted', async (t) => {
  const logs = join(folder(t), 'kumomta');
  mkdirSync(logs);
  const storage = join(folder(t), 'data');
  const kumo = new Kumo(logs);
  kumo.begin();
  await kumo.log(3000, 50);
  await kumo.finish();
  const config = configuration(logs);
  const path = kumo.begin();
  let exporter = await startExporter(t, { config, storage });
  for (let kill = 0; kill < 8; kill++) {
    for (let i = 0; i < 10; i++) {
      await kumo.log(150 + 20 * kill, 3);
      // some kills meet it while it reads, some while it waits
      if (i % (kill + 2) === 0) await new Promise((resolve) => setTimeout(resolve, 40));
    }
    if (kill === 2) renameSync(path, `${path}_renamed`);
    await exporter.stop('SIGKILL');
    await kumo.log(20, 1);
    if (kill === 2 || kill === 5) {
      await kumo.finish();
      kumo.begin(kill === 5);
    }
    exporter = await startExporter(t, { config, storage });
  }
  await kumo.log(1);
  await counted(exporter, kumo);
  await exporter.stop();
  exporter = await startExporter(t, { config, storage });
  await counted(exporter, kumo);
  assert.deepEqual(
    exporter.log.filter(({ level }) => level !== 'info'),
    [],
  );
});

test('the places of deleted segments leave the storage', async (t) => {
  const logs = join(folder(t), 'kumomta');
  mkdirSync(logs);
  const storage = join(folder(t), 'data');
  const kumo = new Kumo(logs);
  const config = configuration(logs);
  let exporter = await startExporter(t, { config, storage });
  const paths: string[] = [];
  for (let i = 0; i < 5; i++) {
    paths.push(kumo.begin());
    await kumo.log(10);
    await kumo.finish();
  }
  await counted(exporter, kumo);
  for (const path of paths.slice(1)) rmSync(path);
  await exporter.stop();

  const places = (change?: (place: { at: number }) => void) => {
    const db = new DatabaseSync(join(storage, 'ledger.sqlite'));
    const rows = db.prepare('SELECT key, value FROM position').all() as { key: string; value: string }[];
    for (const { key, value } of change ? rows : []) {
      const place = JSON.parse(value) as { at: number };
      change!(place);
      db.prepare('UPDATE position SET value = ? WHERE key = ?').run(JSON.stringify(place), key);
    }
    db.close();
    return rows.map(({ key }) => key).sort();
  };
  const prefix = `kumo:${logs}/*:`;
  const all = [prefix, ...paths.map((path) => prefix + path.slice(logs.length + 1))];
  assert.deepEqual(places(), all, 'kept, in case that they come back');
  // two days pass
  places((place) => {
    place.at -= 48 * 3600_000;
  });
  exporter = await startExporter(t, { config, storage });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await exporter.stop();
  assert.deepEqual(places(), all.slice(0, 2), 'of the one that is still there alone');
});

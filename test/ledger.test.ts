/** The ledger in itself: what is counted, what is not, what survives, and what it refuses. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import type { MailEvent } from '../src/event.ts';
import { Exposition } from '../src/exposition.ts';
import { Refused } from '../src/journal.ts';
import { type Feed, Ledger, type LedgerOptions } from '../src/ledger.ts';
import { eventually, folder, samples } from './exporter.ts';

const FEED: Feed = { name: 'test', gives: ['delivered', 'bounced'], sendingDomain: '', sendingIp: '' };
const NOW = Date.UTC(2026, 10, 24);

function delivered(id: string, more: Partial<MailEvent> = {}): MailEvent {
  return {
    kind: 'delivered',
    id,
    at: NOW,
    sendingDomain: 'example.com',
    sendingIp: '192.0.2.1',
    recipientDomain: 'gmail.com',
    campaign: '',
    ...more,
  } as MailEvent;
}

const batch = (...events: MailEvent[]) => ({ events, ignored: 0, unknown: [], invalid: 0 });

/** The clock of a ledger, in the test's hand. */
class Clock {
  at = NOW;
  now = (): number => this.at;
}

async function open(t: TestContext, options: Partial<LedgerOptions> = {}): Promise<Ledger> {
  const ledger = await Ledger.open({ path: '', now: () => NOW, zeroFirst: 0, ...options });
  t.after(() => ledger.close());
  return ledger;
}

/** Pieces are good until the next is asked for. */
const shown = (ledger: Ledger, now = NOW): string =>
  Array.from(new Exposition(ledger).pieces('text', now), (piece) => piece.toString()).join('');

function read(ledger: Ledger, name: string, labels: Record<string, string> = {}, now = NOW): number {
  return samples(shown(ledger, now))
    .filter((s) => s.name === name && Object.entries(labels).every(([k, v]) => s.labels[k] === v))
    .reduce((sum, s) => sum + s.value, 0);
}

const result = (ledger: Ledger, result: string) => read(ledger, 'deliverability_exporter_events_total', { result });

test('an identity counts once within a feed, and once in each feed', async (t) => {
  const ledger = await open(t);
  await ledger.record(FEED, batch(delivered('a'), delivered('a'), delivered('b')));
  await ledger.record(FEED, batch(delivered('a')));
  await ledger.record({ ...FEED, name: 'second' }, batch(delivered('a')));
  assert.equal(read(ledger, 'email_delivered_total', { source: 'test' }), 2);
  assert.equal(read(ledger, 'email_delivered_total', { source: 'second' }), 1);
  assert.equal(result(ledger, 'duplicate'), 2);
});

test('what was said of a message itself counts by campaign, and without one makes no other series', async (t) => {
  const ledger = await open(t);
  const content = {
    spamScore: 4.5,
    spam: false,
    authentication: [
      { method: 'dkim', result: 'fail' },
      { method: 'spf', result: 'pass' },
    ],
  } as const;
  await ledger.record(
    FEED,
    batch(
      delivered('a', { campaign: 'spring', content }),
      delivered('b', { campaign: 'spring', content: { spamScore: -2, spam: true } }),
      delivered('c', { content: { authentication: [{ method: 'arc', result: 'permerror' }] } }),
      delivered('d', { content: {} }),
    ),
  );
  const spring = { campaign: 'spring', sending_domain: 'example.com', source: 'test' };
  assert.equal(read(ledger, 'email_campaign_spam_score_count', spring), 2);
  assert.equal(read(ledger, 'email_campaign_spam_score_sum', spring), 4.5, 'below 0 counts as 0');
  assert.equal(read(ledger, 'email_campaign_spam_score_bucket', { ...spring, le: '4' }), 1);
  assert.equal(read(ledger, 'email_campaign_spam_verdicts_total', { ...spring, verdict: 'clean' }), 1);
  assert.equal(read(ledger, 'email_campaign_spam_verdicts_total', { ...spring, verdict: 'spam' }), 1);
  const results = (labels: Record<string, string>) =>
    read(ledger, 'email_campaign_authentication_results_total', labels);
  assert.equal(results({ ...spring, method: 'dkim', result: 'fail' }), 1);
  assert.equal(results({ ...spring, method: 'spf', result: 'pass' }), 1);
  assert.equal(results({ campaign: '', method: 'arc', result: 'permerror' }), 1);
  assert.equal(results({}), 3);
  const text = shown(ledger);
  assert.deepEqual(
    samples(text)
      .filter((s) => s.labels.campaign === '')
      .map((s) => s.name),
    ['email_campaign_authentication_results_total'],
  );
});

test('times that cannot be are counted as what they are and cost their neighbours nothing', async (t) => {
  const ledger = await open(t, { maxAge: 3600_000 });
  await ledger.record(
    FEED,
    batch(
      delivered('old', { at: NOW - 3600_001 }),
      delivered('next year', { at: NOW + 600_001 }),
      delivered('never', { at: Number.NaN }),
      delivered('good'),
    ),
  );
  assert.equal(result(ledger, 'late'), 1);
  assert.equal(result(ledger, 'future'), 1);
  assert.equal(result(ledger, 'invalid'), 1);
  assert.equal(read(ledger, 'email_delivered_total'), 1);
});

test('identities beyond the bound are forgotten, and what may be a repeat of them is late, not counted twice', async (t) => {
  const clock = new Clock();
  const ledger = await open(t, { maxIds: 100_000, now: clock.now });
  for (let i = 0; i < 300; i++) {
    clock.at = NOW + i * 1000;
    await ledger.record(
      FEED,
      batch(...Array.from({ length: 1000 }, (_, n) => delivered(`${i}-${n}`, { at: clock.at }))),
    );
  }
  assert.ok(ledger.seen.size >= 100_000 && ledger.seen.size < 200_000, String(ledger.seen.size));
  const before = read(ledger, 'email_delivered_total');
  assert.equal(before, 300_000);
  await ledger.record(FEED, batch(delivered('0-0', { at: NOW }), delivered('299-5', { at: clock.at })));
  assert.equal(read(ledger, 'email_delivered_total'), before);
  assert.equal(result(ledger, 'late'), 1);
  assert.equal(result(ledger, 'duplicate'), 1);
});

test('a new series is shown at 0 until every scraper has had time to see it, from the first scrape on', async (t) => {
  const clock = new Clock();
  const ledger = await open(t, { zeroFirst: 11_000, now: clock.now });
  await ledger.record(FEED, batch(delivered('a'), delivered('b')));
  const at = (ms: number) => read(ledger, 'email_delivered_total', {}, NOW + ms);
  assert.equal(at(60_000), 0, 'nobody looked yet, so that minute shows nothing of it');
  assert.equal(at(60_000 + 10_999), 0);
  assert.equal(at(60_000 + 11_000), 2);
  clock.at = NOW + 100_000;
  await ledger.record(FEED, batch(delivered('c')));
  assert.equal(at(100_000), 3, 'a series that was seen shows its increments at once');
  await ledger.record(FEED, batch(delivered('d', { sendingIp: '192.0.2.2' })));
  assert.equal(at(100_001), 3, 'the new address waits at 0');
  assert.equal(at(111_000), 4);
});

test('over its cap a label alone becomes __other__, totals stay exact, and the caps outlive a restart', async (t) => {
  const path = join(folder(t), 'ledger.sqlite');
  const caps = { sending_ip: 2, sending_domain: 100, campaign: 3 };
  const first = await Ledger.open({ path, caps, now: () => NOW, zeroFirst: 0 });
  const ip = (n: number) => delivered(`ip${n}`, { sendingIp: `192.0.2.${n}`, campaign: `c${n}` });
  await first.record(FEED, batch(ip(1), ip(2), ip(3), ip(4), ip(5)));
  await first.close();
  const ledger = await open(t, { path, caps });
  await ledger.record(FEED, batch(ip(6), delivered('known', { sendingIp: '192.0.2.1' })));
  assert.equal(read(ledger, 'email_delivered_total'), 7);
  assert.equal(read(ledger, 'email_delivered_total', { sending_ip: '192.0.2.1' }), 2);
  assert.equal(
    read(ledger, 'email_delivered_total', {
      sending_ip: '__other__',
      sending_domain: 'example.com',
    }),
    4,
  );
  assert.equal(read(ledger, 'email_campaign_delivered_total', { campaign: '__other__' }), 3);
  assert.ok(ledger.series.folded.sending_ip > 0);
});

test('combinations are bounded too: the finest label is given up first, then the next', async (t) => {
  const ledger = await open(t, { caps: { members: 50 } });
  const events = Array.from({ length: 4000 }, (_, n) =>
    delivered(`x${n}`, { sendingIp: `192.0.2.${n % 100}`, sendingDomain: `d${n % 400}.example.com` }),
  );
  await ledger.record(FEED, batch(...events.slice(0, 60)));
  assert.equal(
    read(ledger, 'email_delivered_total', { sending_domain: 'd59.example.com', sending_ip: '__other__' }),
    1,
  );
  await ledger.record(FEED, batch(...events.slice(60)));
  assert.equal(read(ledger, 'email_delivered_total'), 4000);
  assert.ok(ledger.series.members.resource <= 2 * 50 + 1, String(ledger.series.members.resource));
});

test('values that must not be labels are none', async (t) => {
  const ledger = await open(t);
  await ledger.record(
    FEED,
    batch(
      delivered('1', { sendingDomain: 'someone@example.com' }),
      delivered('2', { sendingIp: 'mail.example.com' }),
      delivered('3', { campaign: 'for someone@example.com' }),
      delivered('4', { campaign: 'x'.repeat(500) }),
      delivered('5', { campaign: 'spring "sale"\\' }),
    ),
  );
  const text = shown(ledger);
  assert.doesNotMatch(text, /@/);
  assert.match(text, /campaign="spring \\"sale\\"\\\\"/);
  assert.equal(read(ledger, 'email_campaign_delivered_total', { campaign: '__other__' }), 2);
  assert.equal(read(ledger, 'email_delivered_total'), 5);
});

test('what was acknowledged is there after a restart, identities included, and only what was committed was ever shown', async (t) => {
  const path = join(folder(t), 'ledger.sqlite');
  const first = await Ledger.open({ path, now: () => NOW, zeroFirst: 0 });
  const bounce = delivered('bounce', { kind: 'bounced', reply: '550 5.1.1 user unknown' } as Partial<MailEvent>);
  const pending = first.record(FEED, batch(delivered('a', { seconds: 4 } as Partial<MailEvent>), bounce));
  assert.equal(read(first, 'email_delivered_total'), 0, 'not on disk yet, so not shown');
  await pending;
  await first.keep([['k', '"v"']]);
  await first.record(FEED, batch(delivered('line', { id: '' })), {
    position: { key: 'test:/log', value: '{"offset":7}' },
  });
  await first.close();
  const ledger = await open(t, { path });
  assert.equal(read(ledger, 'email_delivered_total'), 2);
  assert.equal(read(ledger, 'email_bounced_total', { class: 'hard', reason: 'invalid_recipient' }), 1);
  assert.equal(read(ledger, 'email_delivery_duration_seconds_sum'), 4);
  assert.equal(read(ledger, 'email_delivery_duration_seconds_bucket', { le: '5' }), 1);
  assert.equal(ledger.positions.get('test:/log'), '{"offset":7}');
  assert.equal(ledger.readings.get('k'), '"v"');
  await ledger.record(FEED, batch(delivered('a'), delivered('c')));
  assert.equal(result(ledger, 'duplicate'), 1);
  assert.equal(read(ledger, 'email_delivered_total'), 3);
});

test('a full disk turns senders away, keeps what is counted, and recovers by itself', async (t) => {
  const disk = mkdtempSync(join(tmpdir(), 'deliverability-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', disk]);
  const ledger = await Ledger.open({ path: join(disk, 'ledger.sqlite'), now: () => NOW, zeroFirst: 0 });
  t.after(async () => {
    await ledger.close();
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  });
  const filler = join(disk, 'filler');
  await ledger.record(FEED, batch(delivered('before')));
  let size = 512 * 1024;
  for (; size >= 1024; size >>= 1) {
    try {
      writeFileSync(filler, Buffer.alloc(size, 1), { flag: 'a' });
    } catch {
      // The disk is full when even the smallest piece does not fit.
    }
  }
  const events = Array.from({ length: 20_000 }, (_, n) => delivered(`full${n}`));
  await assert.rejects(ledger.record(FEED, batch(...events)), { name: 'Busy' });
  assert.match(ledger.busy, /full|disk/i);
  await assert.rejects(
    ledger.record(FEED, batch(delivered('refused'))),
    { name: 'Busy' },
    'nothing is taken meanwhile',
  );
  const line = ledger.busy;
  assert.ok(line);
  rmSync(filler);
  await eventually('the ledger commits again', () => ledger.busy === '');
  await ledger.record(FEED, batch(...events, delivered('refused')));
  assert.equal(read(ledger, 'email_delivered_total'), 20_002, 'the repeat was recognised');
  assert.ok(statSync(join(disk, 'ledger.sqlite')).size > 0);
});

test('lines of a file wait through a full disk, since nobody would send them again', async (t) => {
  const ledger = await open(t, { path: join(folder(t), 'ledger.sqlite') });
  await ledger.record(FEED, batch(delivered('x')));
  const journal = (ledger as unknown as { journal: { commit(b: unknown): Promise<void> } }).journal;
  const commit = journal.commit.bind(journal);
  let failures = 2;
  journal.commit = (b) => (failures-- > 0 ? Promise.reject(new Error('disk I/O error')) : commit(b));
  await ledger.record(FEED, batch(delivered('', { id: '' })), { position: { key: 'p', value: '1' } });
  assert.equal(failures, -1);
  assert.equal(read(ledger, 'email_delivered_total'), 2);
  assert.equal(ledger.commits.failed, 2);
});

test('a second process on the same storage is refused', async (t) => {
  const path = join(folder(t), 'ledger.sqlite');
  await open(t, { path });
  await assert.rejects(
    Ledger.open({ path }),
    (e) => e instanceof Refused && /in use by another process; stop it, or give this one/.test(e.message),
  );
});

const FOREIGN: [title: string, make: (path: string) => void, says: RegExp][] = [
  [
    'no database at all',
    (path) => writeFileSync(path, 'a shopping list\n'.repeat(100)),
    /cannot be used: file is not a database\. Mend it, or move the file away/,
  ],
  [
    'a database of another program',
    (path) => new DatabaseSync(path).exec('CREATE TABLE cows (name)'),
    /it is a database of another program\. Mend it/,
  ],
  [
    'a file of a newer version',
    (path) =>
      new DatabaseSync(path).exec(
        'CREATE TABLE meta (key); PRAGMA application_id = 1145853528; PRAGMA user_version = 99',
      ),
    /written by a newer version of this program \(schema 99, known up to \d+\); start that version$/,
  ],
  ['a directory', (path) => mkdirSync(path), /cannot be used: /],
];
for (const [title, make, says] of FOREIGN) {
  test(`refused as storage: ${title}`, async (t) => {
    const path = join(folder(t), 'ledger.sqlite');
    make(path);
    await assert.rejects(
      Ledger.open({ path }),
      (e) => e instanceof Refused && says.test(e.message) && e.message.includes(path),
    );
  });
}

test('whatever stands in the log of changes and whatever is folded, a copy of the file at any commit holds exactly what was acknowledged', async (t) => {
  const directory = folder(t);
  let path = join(directory, '0.sqlite');
  let ledger = await open(t, { path, foldAfter: 60 });
  let count = 0;
  let at = 1;
  // A small generator of its own: the same course every time.
  const next = (below: number): number => {
    at = (at * 48_271) % 2_147_483_647;
    return at % below;
  };
  for (let round = 1; round <= 200; round++) {
    const events = Array.from({ length: 1 + next(12) }, (_, i) =>
      delivered(`${round}-${i}`, { sendingIp: `192.0.2.${next(3)}`, ...(next(4) === 0 && { seconds: next(100) }) }),
    );
    await ledger.record(FEED, batch(...events));
    count += events.length;
    if (next(20) > 0) continue;
    // As a kill would leave it: the file and what is in its write-ahead log.
    const copy = join(directory, `${round}.sqlite`);
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix);
    await ledger.close();
    path = copy;
    ledger = await open(t, { path, foldAfter: 60 });
    assert.equal(read(ledger, 'email_delivered_total'), count, `round ${round}`);
    assert.equal(result(ledger, 'counted'), count, `round ${round}`);
  }
  await ledger.close();
  const file = new DatabaseSync(path);
  t.after(() => file.close());
  const { changes } = file.prepare('SELECT count(*) AS changes FROM change').get() as { changes: number };
  assert.ok(changes < 60, `${changes} ticks stand in the log of changes: folding goes on`);
});

test('a damaged file is refused', async (t) => {
  const path = join(folder(t), 'ledger.sqlite');
  const ledger = await Ledger.open({ path, now: () => NOW });
  for (let i = 0; i < 5; i++)
    await ledger.record(FEED, batch(...Array.from({ length: 3000 }, (_, n) => delivered(`${i}-${n}`))));
  await ledger.close();
  const bytes = await import('node:fs').then((fs) => fs.readFileSync(path));
  bytes.fill(0x55, 8192, 8192 + 4096 * 3);
  writeFileSync(path, bytes);
  await assert.rejects(
    Ledger.open({ path }),
    (e) => e instanceof Refused && /Mend it, or move the file away/.test(e.message),
  );
});

test('a file of the first version is lifted to this one', async (t) => {
  const path = join(folder(t), 'ledger.sqlite');
  const old = new DatabaseSync(path);
  old.exec(`PRAGMA application_id = 1145853528; PRAGMA user_version = 1;
    CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE series (slot INTEGER PRIMARY KEY, family TEXT NOT NULL, scope TEXT NOT NULL, labels TEXT NOT NULL, closed TEXT NOT NULL, born INTEGER NOT NULL);
    CREATE TABLE sample (slot INTEGER PRIMARY KEY, value BLOB NOT NULL);
    CREATE TABLE seen (tick INTEGER PRIMARY KEY, ids BLOB NOT NULL);
    CREATE TABLE position (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('committed_at', 5);
    INSERT INTO series VALUES (0, 'email_delivered_total', 'resource', '["test","example.com","192.0.2.1","google"]', '[]', 0);
    INSERT INTO series VALUES (1, 'email_of_a_later_version_total', 'resource', '["test","example.com","192.0.2.1","google"]', '[]', 0);`);
  for (const slot of [0, 1])
    old.prepare('INSERT INTO sample VALUES (?, ?)').run(slot, new Uint8Array(new Float64Array([41]).buffer));
  old.close();
  const ledger = await Ledger.open({ path, now: () => NOW, zeroFirst: 0 });
  await ledger.record(FEED, batch(delivered('a')));
  assert.equal(read(ledger, 'email_delivered_total'), 42);
  await ledger.keep([['k', '1']]);
  await ledger.close();
  const again = new DatabaseSync(path);
  t.after(() => again.close());
  assert.equal(Object.values(again.prepare('PRAGMA user_version').get()!)[0], 3);
  const kept = again
    .prepare("SELECT value FROM series JOIN sample USING (slot) WHERE family = 'email_of_a_later_version_total'")
    .get()!;
  assert.deepEqual(
    new Float64Array((kept.value as Uint8Array).slice().buffer),
    new Float64Array([41]),
    'what this version does not know stays for the one that does',
  );
});

test('nothing is taken after close', async () => {
  const ledger = await Ledger.open({ path: '' });
  await ledger.close();
  await assert.rejects(ledger.record(FEED, batch(delivered('a'))), { name: 'Busy' });
});

test('the place in a file that is no more is dropped from the storage, whatever else is committed with it', async (t) => {
  const path = join(folder(t), 'ledger.sqlite');
  const first = await Ledger.open({ path, now: () => NOW, zeroFirst: 0 });
  const at = (key: string) => ({ position: { key, value: '{"offset":1}' } });
  await first.record(FEED, batch(delivered('a')), at('gone'));
  await first.record(FEED, batch(delivered('b')), at('kept'));
  first.forget('gone');
  first.forget('never there');
  const again = first.record(FEED, batch(delivered('c')), at('back'));
  first.forget('back');
  await again;
  await first.record(FEED, batch(delivered('d')), at('back'));
  await first.close();
  const ledger = await open(t, { path });
  assert.deepEqual([...ledger.positions.keys()].sort(), ['back', 'kept']);
  assert.equal(read(ledger, 'email_delivered_total'), 4);
});

/** The ledger's own rendering against prom-client's, byte by byte, on the same data. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, Histogram, Registry } from 'prom-client';
import type { MailEvent } from '../src/event.ts';
import { Exposition, type Format, negotiate, openMetrics } from '../src/exposition.ts';
import { type Feed, Ledger } from '../src/ledger.ts';
import { eventFamilies, SCOPES, variants } from '../src/metrics.ts';

const FEED: Feed = { name: 'a "quoted" \\ name', gives: ['delivered', 'opened'], sendingDomain: '', sendingIp: '' };

async function filled(): Promise<Ledger> {
  const now = Date.now();
  const ledger = await Ledger.open({ path: '', zeroFirst: 0 });
  const events: MailEvent[] = [];
  for (let n = 0; n < 500; n++) {
    const fact = {
      id: String(n),
      at: now,
      sendingDomain: `d${n % 7}.example.com`,
      sendingIp: n % 3 ? `192.0.2.${n % 5}` : '2001:db8::1',
      recipientDomain: n % 2 ? 'gmail.com' : 'x.example',
      campaign: n % 4 ? 'größe\n1' : '',
    };
    events.push(
      n % 9
        ? { kind: 'delivered', ...fact, seconds: n * 1.37 }
        : { kind: 'bounced', ...fact, reply: '550 5.1.1 user unknown' },
    );
  }
  await ledger.record(FEED, { events, ignored: 3, unknown: ['x'], invalid: 0 });
  return ledger;
}

/** Pieces are good until the next is asked for. */
const rendered = (exposition: Exposition, format: Format): string =>
  Array.from(exposition.pieces(format, Date.now()), (piece) => piece.toString()).join('');

/** The same numbers, told to prom-client in the order in which the ledger shows them. */
async function reference(ledger: Ledger): Promise<string> {
  const registry = new Registry();
  const { series } = ledger;
  for (const [i, family] of eventFamilies.entries()) {
    const labelNames = [...SCOPES[family.scope], ...family.closed.map(([label]) => label)];
    const common = { name: family.name, help: family.help, labelNames, registers: [registry] };
    const metric =
      family.type === 'counter' ? new Counter(common) : new Histogram({ ...common, buckets: [...family.buckets] });
    for (let variant = family.first; variant < (eventFamilies[i + 1]?.first ?? variants.length); variant++) {
      for (const s of series.byVariant[variant]!) {
        const values = [...series.member[s]!.values, ...variants[variant]!.values];
        const labels = Object.fromEntries(labelNames.map((label, at) => [label, values[at]!]));
        const at = series.slot[s]!;
        if (metric instanceof Counter) metric.inc(labels, series.committed[at]!);
        else
          setHistogram(metric, labels, series.committed.subarray(at, at + family.buckets.length + 2), family.buckets);
      }
    }
  }
  return registry.metrics();
}

/** prom-client adds sums in its own order of observations, so its state is set rather than observed. */
function setHistogram(
  histogram: Histogram,
  labels: Record<string, string>,
  numbers: Float64Array,
  buckets: readonly number[],
): void {
  histogram.zero(labels);
  const hashMap = (
    histogram as unknown as {
      hashMap: Record<string, { labels: object; bucketValues: Record<string, number>; sum: number; count: number }>;
    }
  ).hashMap;
  const entry = Object.values(hashMap).find((e) => JSON.stringify(e.labels) === JSON.stringify(labels))!;
  buckets.forEach((le, i) => {
    entry.bucketValues[le] = numbers[i]!;
  });
  entry.sum = numbers.at(-1)!;
  entry.count = numbers.subarray(0, -1).reduce((a, b) => a + b, 0);
}

test('text exposition equals prom-client byte for byte', async (t) => {
  const ledger = await filled();
  t.after(() => ledger.close());
  const text = rendered(new Exposition(ledger), 'text');
  assert.ok(text.length > 20_000);
  assert.equal(text, await reference(ledger));
});

test('what was rendered before, for others at the same time too, is no part of it', async (t) => {
  const ledger = await filled();
  t.after(() => ledger.close());
  const exposition = new Exposition(ledger);
  rendered(exposition, 'text');
  const more = Array.from({ length: 300 }, (_, n): MailEvent => {
    const ip = `198.51.100.${n % 100}`;
    return {
      kind: 'delivered',
      id: `more ${n}`,
      at: Date.now(),
      sendingDomain: `e${n}.example`,
      sendingIp: ip,
      recipientDomain: '',
      campaign: '',
    };
  });
  await ledger.record(FEED, { events: more, ignored: 0, unknown: [], invalid: 0 });
  const [one, two] = [exposition.pieces('text', Date.now()), exposition.pieces('text', Date.now())];
  const texts = ['', ''];
  for (let piece = one.next(); !piece.done; piece = one.next()) {
    texts[0] += piece.value.toString();
    texts[1] += two.next().value?.toString() ?? '';
  }
  assert.ok(texts[0]!.length > 256 * 1024, 'several pieces');
  assert.equal(texts[0], await reference(ledger));
  assert.equal(texts[1], texts[0]);
  assert.equal(rendered(exposition, 'text'), texts[0]);
});

test('pieces are small, whatever there is', async (t) => {
  const ledger = await filled();
  t.after(() => ledger.close());
  for (const piece of new Exposition(ledger).pieces('text', Date.now())) assert.ok(piece.length <= 160 * 1024);
});

test('OpenMetrics names counters without _total in their heads, keeps samples, and has no empty line', async (t) => {
  const ledger = await filled();
  t.after(() => ledger.close());
  const text = rendered(new Exposition(ledger), 'openmetrics');
  assert.match(text, /^# HELP email_accepted .*\n# TYPE email_accepted counter\n/);
  assert.match(text, /\nemail_delivered_total\{/);
  assert.doesNotMatch(text, /\n\n|^# \w+ \w+_total/m);
  assert.equal(
    openMetrics('# HELP a_total x\n# TYPE a_total counter\na_total 1\n\n# HELP b y\n# TYPE b gauge\nb 2\n'),
    '# HELP a x\n# TYPE a counter\na_total 1\n# HELP b y\n# TYPE b gauge\nb 2\n',
  );
});

test('the format is what the scraper names', () => {
  assert.equal(negotiate(undefined), 'text');
  assert.equal(negotiate('text/plain;version=0.0.4;q=0.5,*/*;q=0.1'), 'text');
  assert.equal(negotiate('application/openmetrics-text;version=1.0.0;q=0.75,text/plain;q=0.5'), 'openmetrics');
});

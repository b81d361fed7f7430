/**
 * `npm run bench:memory`: what the built program holds after ten million distinct identities and a million distinct campaigns, posted
 * to the push API as NDJSON. Prints one JSON line: memory, and that every event is counted although most campaigns are folded.
 */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { flags, folder, machine, pause, round, startExporter } from './exporter.ts';

const { program, ids, campaigns } = flags({ ids: 10_000_000, campaigns: 1_000_000 });
const BATCH = 5000;
const CONNECTIONS = 4;

const exporter = await startExporter({
  program,
  config: JSON.stringify({ scrape_interval: '1s', sources: { push: { auth: 'none' } } }),
  directory: folder(),
});
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

function body(from: number): Buffer {
  const at = Date.now();
  const lines = Array.from({ length: Math.min(BATCH, ids - from) }, (_, i) => {
    const n = from + i;
    return `{"id":"e${n}","kind":"delivered","at":${at},"sending_domain":"example.com","recipient_domain":"example.org","campaign":"c${n % campaigns}"}`;
  });
  return Buffer.from(lines.join('\n'));
}

async function post(from: number): Promise<void> {
  const data = body(from);
  const sent = request({
    agent,
    port: exporter.port,
    host: '127.0.0.1',
    path: '/api/v1/events',
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'content-length': data.length },
  });
  sent.end(data);
  const [response] = await once(sent, 'response');
  response.resume();
  await once(response, 'end');
  // Back-pressure is an answer, too: the sender comes back.
  if (response.statusCode === 503) return post(from);
  if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode}`);
}

let next = 0;
const start = performance.now();
await Promise.all(
  Array.from({ length: CONNECTIONS }, async () => {
    for (let from = next; from < ids; from = next) {
      next += BATCH;
      await post(from);
    }
  }),
);
const seconds = (performance.now() - start) / 1000;
agent.destroy();
// What came before anybody looked is shown at 0 for a little longer than a scrape interval.
await exporter.scrape({});
await pause(2500);
const { body: text } = await exporter.scrape({});
const sum = (name: string): number =>
  text
    .toString()
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
const counted = sum('email_delivered_total');
const series = text.toString().split('\n').length;
process.stdout.write(
  `${JSON.stringify({
    bench: 'memory',
    ids,
    campaigns,
    counted,
    campaign_counted: sum('email_campaign_delivered_total'),
    folded: sum('deliverability_exporter_label_values_folded_total'),
    samples: series,
    rss_mb: round(exporter.peak()),
    seconds: round(seconds),
    machine: machine(),
  })}\n`,
);
await exporter.stop();
process.exit(0);

/** A text exposition becomes the registry of stock prom-client, served the way its documentation shows: what /metrics is measured against. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

const registry = new Registry();
const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(LABEL)].map(([, name, value]) => [name!, JSON.parse(`"${value}"`) as string]),
  );
}

/** The load has no delivery times, so every histogram stands at zero. */
function fill(
  name: string,
  help: string,
  type: string,
  lines: readonly (readonly [name: string, labels: string, value: number])[],
): void {
  const labelNames = Object.keys(labelsOf(lines[0]?.[1] ?? '')).filter((l) => l !== 'le');
  const definition = { name, help, labelNames, registers: [registry] };
  if (type === 'histogram') {
    const first = lines.findIndex(([n]) => n.endsWith('_sum'));
    const bounds = lines.slice(0, first).map(([, labels]) => Number(labelsOf(labels).le));
    const histogram = new Histogram({ ...definition, buckets: bounds.filter(Number.isFinite) });
    for (const [n, labels] of lines) if (n.endsWith('_sum')) histogram.zero(labelsOf(labels));
    return;
  }
  const metric = type === 'counter' ? new Counter(definition) : new Gauge(definition);
  for (const [, labels, value] of lines) metric.inc(labelsOf(labels), value);
}

let help = '';
for (const family of readFileSync(process.argv[2]!, 'utf8').split('# HELP ').slice(1)) {
  const [head = '', kind = '', ...rest] = family.split('\n');
  const name = head.slice(0, head.indexOf(' '));
  help = head.slice(name.length + 1);
  const lines = rest.map((line) => LINE.exec(line)).filter((match) => match !== null);
  fill(
    name,
    help,
    kind.split(' ')[3]!,
    lines.map(([, n, labels, value]) => [n!, labels ?? '', Number(value)] as const),
  );
}

const server = createServer(async (_request, response) => {
  response.setHeader('Content-Type', registry.contentType);
  response.end(await registry.metrics());
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stderr.write(`${JSON.stringify({ msg: 'listening', address: `127.0.0.1:${port}` })}\n`);
});

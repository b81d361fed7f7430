/** The preview of the dashboards without what is installed for the drawing itself: what it serves, what it lets through, what it knows how to draw. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { addressOf, boards, DASHBOARDS, serve } from '../tools/preview/serve.ts';
import { type Dashboard, panelsOf } from './dashboard-lint.ts';
import { MAY_BE_EMPTY } from './may-be-empty.ts';

const PREVIEW = join(import.meta.dirname, '../tools/preview');
const BOARDS = boards(DASHBOARDS).map(({ text }) => JSON.parse(text) as Dashboard);
const read = (file: string): string => readFileSync(join(PREVIEW, file), 'utf8');

test('every kind of panel that the dashboards use is drawn', () => {
  const [, kinds] = read('src/panels.tsx').split('export const KINDS');
  const drawn = [...kinds!.matchAll(/^ {2}'?([\w-]+)'?: \w+,$/gm)].map(([, kind]) => kind);
  const used = new Set(BOARDS.flatMap(panelsOf).map(({ type }) => type));
  assert.ok(used.size > 3);
  assert.deepEqual(
    [...used].filter((kind) => kind !== 'row' && !drawn.includes(kind)),
    [],
  );
});

test('what may be empty is there', () => {
  const queries = BOARDS.flatMap((board) =>
    panelsOf(board).flatMap(({ id, targets = [] }) =>
      targets.map(({ refId }) => `${board.uid.replace('deliverability-', '')}/${id} ${refId}`),
    ),
  );
  assert.deepEqual(
    Object.keys(MAY_BE_EMPTY).filter((key) => !queries.includes(key)),
    [],
  );
});

test('its packages are pinned, and the lock file names no registry', () => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  for (const [name, version] of Object.entries(dependencies)) assert.match(version, /^\d+\.\d+\.\d+$/, name);
  assert.doesNotMatch(read('package-lock.json'), /"resolved"|https?:\/\/registry/);
});

/** Tells what it was asked. */
async function prometheus(t: TestContext): Promise<string> {
  const server = createServer(async (req, res) => {
    const body: Buffer[] = [];
    for await (const chunk of req) body.push(chunk as Buffer);
    res.writeHead(422, { 'content-type': 'application/json' });
    res.end(
      JSON.stringify({ method: req.method, url: req.url, host: req.headers.host, body: String(Buffer.concat(body)) }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closed(t, server);
  return addressOf(server);
}

function closed(t: TestContext, server: Server): void {
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
}

test('serves the dashboards as they are, the overview first, and nothing else of the disk', async (t) => {
  const server = await serve('http://127.0.0.1:1', DASHBOARDS);
  closed(t, server);
  const origin = addressOf(server);
  const listed = (await (await fetch(`${origin}/dashboards`)).json()) as { uid: string; title: string }[];
  assert.equal(listed[0]!.uid, 'deliverability-overview');
  assert.deepEqual(listed.map(({ uid }) => uid).sort(), BOARDS.map(({ uid }) => uid).sort());
  const text = await (await fetch(`${origin}/dashboards/deliverability-overview`)).text();
  assert.equal(text, readFileSync(join(DASHBOARDS, 'overview.json'), 'utf8'));
  for (const path of ['/dashboards/none', '/..%2fpackage.json', '/%2e%2e/package.json', '/serve.ts', '/nothing.js'])
    assert.equal((await fetch(origin + path)).status, 404, path);
  if (existsSync(join(PREVIEW, 'dist'))) assert.equal((await fetch(`${origin}/d/deliverability-overview`)).status, 200);
});

test('passes questions on to Prometheus as they are, and nothing else', async (t) => {
  const to = await prometheus(t);
  const server = await serve(to, DASHBOARDS);
  closed(t, server);
  const origin = addressOf(server);
  const body = new URLSearchParams({ query: 'up{a="ü+b"}' });
  const asked = await fetch(`${origin}/api/v1/query_range?x=1`, { method: 'POST', body });
  assert.equal(asked.status, 422);
  assert.deepEqual(await asked.json(), {
    ...{ method: 'POST', url: '/api/v1/query_range?x=1', body: body.toString(), host: new URL(to).host },
  });
  for (const path of ['/-/reload', '/api/v1/admin/tsdb/snapshot', '/api/v1/status/config'])
    assert.equal((await fetch(origin + path, { method: 'POST' })).status, 404, path);
  const gone = await serve('http://127.0.0.1:1', DASHBOARDS);
  closed(t, gone);
  const answer = await fetch(`${addressOf(gone)}/api/v1/query`);
  assert.deepEqual([answer.status, ((await answer.json()) as { status: string }).status], [502, 'error']);
});

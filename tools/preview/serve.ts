/** The built page, the dashboards' JSON by uid, and Prometheus' API under one origin: node serve.ts --prometheus=URL [--dashboards=DIR] [--port=N]. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
  '.json': 'application/json',
};

export function uids(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(directory).filter((name) => name.endsWith('.json'))) {
    const text = readFileSync(join(directory, file), 'utf8');
    found.set((JSON.parse(text) as { uid: string }).uid, text);
  }
  return found;
}

export function serve(prometheus: string, dashboards: string, port = 0): Promise<Server> {
  const dist = join(import.meta.dirname, 'dist');
  const server = createServer((req, res) => {
    const { pathname, search } = new URL(req.url ?? '/', 'http://localhost');
    if (pathname.startsWith('/api/v1/')) {
      const onward = request(
        new URL(pathname + search, prometheus),
        { method: req.method, headers: { ...req.headers, host: new URL(prometheus).host } },
        (answer) => {
          res.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(res);
        },
      );
      onward.on('error', (error) => res.writeHead(502).end(JSON.stringify({ status: 'error', error: error.message })));
      req.pipe(onward);
      return;
    }
    if (pathname.startsWith('/dashboards/')) {
      const text = uids(dashboards).get(decodeURIComponent(pathname.slice(12)));
      res.writeHead(text ? 200 : 404, { 'content-type': 'application/json' }).end(text ?? '{}');
      return;
    }
    const file = join(dist, normalize(pathname === '/' || pathname.startsWith('/d/') ? '/index.html' : pathname));
    try {
      const body = readFileSync(file);
      res.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(body);
    } catch {
      res.writeHead(404).end();
    }
  });
  return new Promise((done) => server.listen(port, '127.0.0.1', () => done(server)));
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      prometheus: { type: 'string', default: 'http://127.0.0.1:9090' },
      dashboards: { type: 'string', default: join(import.meta.dirname, '../../dashboards') },
      port: { type: 'string', default: '0' },
    },
  });
  const server = await serve(values.prometheus, values.dashboards, Number(values.port));
  const address = server.address() as { port: number };
  for (const uid of uids(values.dashboards).keys()) console.log(`http://127.0.0.1:${address.port}/?dashboard=${uid}`);
}

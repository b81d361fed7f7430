/** The built page, the dashboards' JSON by uid, and Prometheus' API become one origin on loopback: node serve.ts --prometheus=URL [--dashboards=DIR] [--port=N]. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';

const DIST = join(import.meta.dirname, 'dist');
export const DASHBOARDS = join(import.meta.dirname, '../../dashboards');

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
};

/** Questions alone: no pages, no reloads, no administration. */
const ASKED = /^\/api\/v1\/(query|query_range|label\/\w+\/values)$/;

export interface Board {
  uid: string;
  title: string;
  tags?: string[];
}

/** Read anew each time: an edit shows with the next reload. The overview stands first. */
export function boards(directory: string): (Board & { text: string })[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .map((text) => ({ ...(JSON.parse(text) as Board), text }))
    .sort(
      (a, b) =>
        Number(b.uid.endsWith('overview')) - Number(a.uid.endsWith('overview')) || a.title.localeCompare(b.title),
    );
}

function answer(res: ServerResponse, status: number, type = 'text/plain', body: string | Buffer = ''): void {
  res.writeHead(status, { 'content-type': type, 'cache-control': 'no-cache' }).end(body);
}

function page(res: ServerResponse, path: string): void {
  const file = path === '/' || path.startsWith('/d/') ? '/index.html' : path;
  try {
    answer(res, 200, TYPES[extname(file)] ?? 'application/octet-stream', readFileSync(join(DIST, normalize(file))));
  } catch {
    answer(res, 404);
  }
}

export function serve(prometheus: string, dashboards: string, port = 0): Promise<Server> {
  const server = createServer((req, res) => {
    const { pathname, search } = new URL(req.url ?? '/', 'http://localhost');
    if (ASKED.test(pathname)) {
      const url = new URL(pathname + search, prometheus);
      const { method, headers } = req;
      const onward = request(url, { method, headers: { ...headers, host: url.host } }, (from) => {
        res.writeHead(from.statusCode ?? 502, from.headers);
        from.pipe(res);
      });
      onward.on('error', ({ message }) =>
        answer(res, 502, 'application/json', JSON.stringify({ status: 'error', error: message })),
      );
      req.pipe(onward);
    } else if (pathname === '/dashboards') {
      const all = boards(dashboards).map(({ uid, title, tags = [] }) => ({ uid, title, tags }));
      answer(res, 200, 'application/json', JSON.stringify(all));
    } else if (pathname.startsWith('/dashboards/')) {
      const board = boards(dashboards).find(({ uid }) => uid === decodeURIComponent(pathname.slice(12)));
      answer(res, board ? 200 : 404, 'application/json', board?.text ?? '{}');
    } else page(res, pathname);
  });
  return new Promise((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server)),
  );
}

export function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the preview has no port');
  return `http://127.0.0.1:${address.port}`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      prometheus: { type: 'string' },
      dashboards: { type: 'string', default: DASHBOARDS },
      port: { type: 'string', default: '0' },
    },
  });
  if (values.prometheus === undefined) throw new Error('--prometheus=URL says where the numbers come from');
  console.log(addressOf(await serve(values.prometheus, values.dashboards, Number(values.port))));
}

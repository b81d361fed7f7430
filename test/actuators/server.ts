/** An HTTP server that stands for a foreign system: as documented, or as badly as a test wants it. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface Request {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Reply {
  status: number;
  json?: unknown;
  body?: string;
}

/** Ways to be no such system, or a sick one. A number is a status that it gives to everything. */
export const ILLS = ['hangs', 'half', 'huge', 'redirects', 'page', 'hangs up', 500, 503, 401, 403, 404, 429] as const;
export type Ill = (typeof ILLS)[number];

export class Server {
  readonly requests: Request[] = [];
  /** What ails it, by method; or all of it. */
  ill: Ill | undefined;
  illFor: string | undefined;
  readonly url: string;

  private constructor(url: string) {
    this.url = url;
  }

  static async start(t: TestContext, answer: (request: Request) => Reply): Promise<Server> {
    let self: Server | undefined;
    const server = createServer(async (incoming, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const { method = '', url: path = '', headers } = incoming;
      const request = { method, path, headers, body: Buffer.concat(chunks).toString() };
      self?.requests.push(request);
      const ill = self?.illFor === undefined || self.illFor === method ? self?.ill : undefined;
      switch (ill) {
        case 'hangs':
          return;
        case 'hangs up':
          return incoming.socket.destroy();
        case 'half':
          response.writeHead(200, { 'content-length': 1000 }).write('[{"id": "');
          return setTimeout(() => incoming.socket.destroy(), 20);
        case 'huge':
          response.writeHead(200);
          response.on('error', () => {});
          for (let i = 0; i < 80 && !response.destroyed; i++) response.write(' '.repeat(100_000));
          return response.end('[]');
        case 'redirects':
          return response.writeHead(302, { location: `${self?.url}/elsewhere` }).end();
        case 'page':
          return response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>');
        case undefined: {
          const { status, json, body = json === undefined ? '' : JSON.stringify(json) } = answer(request);
          return response.writeHead(status).end(body);
        }
        default:
          return response.writeHead(ill).end('mailbox reader@example.com is unknown');
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    self = new Server(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return self;
  }
}

/** What a case says that a host serves becomes a real server on the loopback: HTTPS for policies, SMTP with STARTTLS. */
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Certificate } from './certificate.ts';

export interface Serves {
  certificate?: string;
  status?: number;
  location?: string;
  type?: string;
  body?: string;
  /** Bytes of further lines. */
  padding?: number;
  /** Takes the request and never answers. */
  silent?: boolean;
  /** Nothing listens. */
  nobody?: boolean;
}

export interface Speaks {
  /** `none`: what follows the STARTTLS is no TLS. */
  certificate?: string;
  greeting?: string;
  offers?: readonly string[];
  /** The answer to STARTTLS. */
  ready?: string;
  hangs_up?: boolean;
}

export interface Listening {
  port: number;
  stop(): Promise<void>;
}

export async function policyHost(serves: Serves, certificates: ReadonlyMap<string, Certificate>): Promise<Listening> {
  const server = createHttps({ ...certificates.get(serves.certificate ?? 'good')! }, (_, response) => {
    if (serves.silent) return;
    const { status = 200, type = 'text/plain', body = '', location, padding = 0 } = serves;
    response.writeHead(status, { 'content-type': type, ...(location !== undefined && { location }) });
    response.end(body + '\n'.repeat(padding));
  });
  const listening = await listen(server, 0, '127.0.0.1');
  if (serves.nobody) await listening.stop();
  return listening;
}

export async function exchanger(
  address: string,
  port: number,
  speaks: Speaks,
  certificates: ReadonlyMap<string, Certificate>,
): Promise<Listening> {
  return await listen(
    createServer((socket) => converse(socket, speaks, certificates)),
    port,
    address,
  );
}

function converse(socket: Socket, speaks: Speaks, certificates: ReadonlyMap<string, Certificate>): void {
  const { greeting = '220-mail.example.com at\r\n220 your service', offers = ['PIPELINING', 'starttls', 'SIZE 1000'] } =
    speaks;
  const { ready = '220 2.0.0 go ahead', certificate = 'good' } = speaks;
  socket.on('error', () => {});
  if (greeting !== '') socket.write(`${greeting}\r\n`);
  const onData = (data: Buffer) => {
    const command = data.toString('latin1');
    if (/^EHLO \S+\r\n$/.test(command)) socket.write(['250-mail.example.com', ...extensions(offers)].join('\r\n'));
    else if (command !== 'STARTTLS\r\n') socket.end('221 bye\r\n');
    else {
      socket.off('data', onData);
      socket.write(`${ready}\r\n`);
      if (speaks.hangs_up) socket.once('data', () => socket.destroy());
      else if (certificate === 'none') socket.once('data', () => socket.write('what?\r\n'));
      else if (ready.startsWith('220')) {
        const secureContext = createSecureContext(certificates.get(certificate)!);
        new TLSSocket(socket, { isServer: true, secureContext }).on('error', () => {}).resume();
      }
    }
  };
  socket.on('data', onData);
}

function extensions(offers: readonly string[]): string[] {
  return [...offers.map((offer, n) => `250${n === offers.length - 1 ? ' ' : '-'}${offer}`), ''];
}

async function listen(server: Server, port: number, host: string): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

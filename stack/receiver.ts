/**
 * Alertmanager's webhook posts become notifications, told to whoever asks and printed for a person.
 * After the Alertmanager documentation, "webhook_config".
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Alert {
  status: 'firing' | 'resolved';
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
}

export interface Notification {
  /** Path of the receiver's URL: which of the configured people this is for. */
  path: string;
  /** Unix milliseconds. */
  receivedAt: number;
  status: 'firing' | 'resolved';
  alerts: Alert[];
}

export interface Receiver {
  /** HOST:PORT */
  address: string;
  close(): void;
}

/** Takes posts that carry `token` as the shipped configuration sends it, and no others. */
export async function receive(token: string, tell: (notification: Notification) => void): Promise<Receiver> {
  const server = createServer(async (request, response) => {
    const receivedAt = Date.now();
    if (request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end();
      return;
    }
    try {
      const { status, alerts } = JSON.parse(await text(request)) as Pick<Notification, 'status' | 'alerts'>;
      tell({ path: request.url ?? '', receivedAt, status, alerts });
      response.end();
    } catch (error) {
      response.writeHead(400).end(String(error));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** As a person would read it in a terminal. */
export function legible({ path, receivedAt, alerts }: Notification): string {
  const time = new Date(receivedAt).toLocaleTimeString('en-GB');
  return alerts
    .map(({ status, labels, annotations }) => {
      const { alertname, severity, ...rest } = labels;
      const what = Object.entries(rest).map(([name, value]) => `${name}=${value}`);
      const said = ['summary', 'description', 'recommended_actions', 'runbook_url'].flatMap(
        (name) => annotations[name]?.split('\n') ?? [],
      );
      const head = `${time} ▶ ${path} ${status === 'firing' ? 'FIRING' : 'resolved'} ${severity ?? ''} ${alertname ?? ''}`;
      return [head, `  ${what.join(' ')}`, ...(status === 'firing' ? said.map((line) => `  ${line}`) : [])].join('\n');
    })
    .join('\n');
}

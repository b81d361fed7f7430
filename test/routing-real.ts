/** People become a real Alertmanager with the shipped configuration built for them, and a server of the test in everybody's place. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { built } from '../alertmanager/build.ts';
import { type People, readPeople } from '../alertmanager/people.ts';
import { PARTS } from '../stack/parts.ts';
import { freePorts, ready, start } from '../stack/processes.ts';
import { type Notification, receive } from '../stack/receiver.ts';
import { tool } from '../stack/tools.ts';
import { folder } from './exporter.ts';
import type { Window } from './routing-matrix.ts';

const ROOT = join(import.meta.dirname, '..');
const TOKEN = 'secret of the test';

export type AlertmanagerName = 'alertmanager' | 'alertmanager-next';
export const ALERTMANAGERS: readonly AlertmanagerName[] = ['alertmanager', 'alertmanager-next'];

export const shippedPeople = (): People => readPeople(readFileSync(join(ROOT, 'alertmanager/people.yml'), 'utf8'));

/** Hours in a zone where it is noon, so that midnight is far away: `window` is the one that is now. */
export function hoursOf(window: Window): People['hours'] {
  const now = new Date();
  const offset = 12 - now.getUTCHours();
  const there = new Date(now.getTime() + offset * 3_600_000);
  const days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;
  const today = days[there.getUTCDay()]!;
  // POSIX: west of Greenwich is positive.
  const time_zone = offset === 0 ? 'Etc/GMT' : `Etc/GMT${offset > 0 ? '-' : '+'}${Math.abs(offset)}`;
  const business: Record<Window, People['hours']['business']> = {
    'business hours': { days: [today], from: '08:00', to: '18:00' },
    'after hours': { days: [today], from: '01:00', to: '02:00' },
    weekends: { days: days.filter((day) => day !== today), from: '08:00', to: '18:00' },
  };
  return { time_zone, business: business[window] };
}

export interface Real {
  url: string;
  /** In the order of arrival. */
  told: Notification[];
  post(alerts: readonly object[]): Promise<void>;
  log(): string;
}

/** `edit` changes the text of the configuration that is loaded, `{DIR}` in it is the folder of the test. */
export async function routed(
  t: TestContext,
  name: AlertmanagerName,
  people: People,
  edit: (text: string) => string = (text) => text,
): Promise<Real> {
  const dir = folder(t);
  const told: Notification[] = [];
  const receiver = await receive(TOKEN, (notification) => told.push(notification));
  t.after(() => receiver.close());
  const here = `http://${receiver.address}`;
  const text = built('alertmanager/alertmanager.yml', people)
    .replaceAll(/http:\/\/(exporter:9871|deadman:8080|people:8080)/g, here)
    .replaceAll(/\/run\/secrets\/[\w.]+/g, join(dir, 'secret'))
    .replace('templates/*.tmpl', `${ROOT}/alertmanager/templates/*.tmpl`);
  writeFileSync(join(dir, 'secret'), TOKEN);
  writeFileSync(join(dir, 'alertmanager.yml'), edit(text).replaceAll('{DIR}', dir));
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const place = { config: join(dir, 'alertmanager.yml'), data: dir, listen: `127.0.0.1:${port}`, url };
  const child = start(name, await tool(name), PARTS.alertmanager.flags(place));
  t.after(() => child.stop());
  await ready(child, url + PARTS.alertmanager.ready);
  const post = async (alerts: readonly object[]) => {
    const response = await fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alerts),
    });
    if (response.status !== 200) throw new Error(`${name} refuses alerts: ${await response.text()}\n${child.log()}`);
  };
  return { url, told, post, log: child.log };
}

export const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** True as soon as `look` is, false when the time is over. */
export async function soon(look: () => boolean, seconds: number): Promise<boolean> {
  const end = Date.now() + seconds * 1000;
  while (!look() && Date.now() < end) await pause(0.1);
  return look();
}

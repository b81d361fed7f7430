/**
 * The shipped configuration becomes a running deployment on free loopback ports: exporter, Prometheus, Alertmanager, a
 * receiver in the place of people, and the demo feed. Only addresses, ports and paths are rewritten, into copies.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseDocument, visit } from 'yaml';
import { writeKeys } from '../demo/keys.ts';
import { PARTS, type PartName } from './parts.ts';
import { type Child, freePorts, ready, start } from './processes.ts';
import { type Notification, type Receiver, receive } from './receiver.ts';
import { type ToolName, tool } from './tools.ts';

const ROOT = resolve(import.meta.dirname, '..');
const SECRETS = '/run/secrets/';

export interface StackOptions {
  /** Told each notification that Alertmanager sends to people. */
  onNotification(notification: Notification): void;
  /** Told each start of an incident. */
  onIncident(incident: Incident): void;
  /** Options of demo/main.ts beside those that the stack gives. */
  demo: readonly string[];
  /** Prometheus and Alertmanager of the newer Debian release. */
  next?: boolean;
}

/** What demo/main.ts prints when an incident starts. */
export interface Incident {
  /** Unix milliseconds. */
  first_bad_event_at: number;
  issue_type: string;
  sending_domain?: string;
}

export interface Stack {
  directory: string;
  urls: Record<PartName, string>;
  receiver: Receiver;
  children: readonly Child[];
  demo: Child;
}

export async function startStack(options: StackOptions): Promise<Stack> {
  const directory = mkdtempSync(join(tmpdir(), 'deliverability-stack-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  const secrets = join(directory, 'secrets');
  writeKeys(secrets);
  const receiver = await receive(secret(secrets, 'people.token'), options.onNotification);
  const addresses = await localAddresses(receiver);
  const urlOf = (name: PartName) => `http://${addresses[`${name}:${PARTS[name].port}`]}`;
  const urls = { exporter: urlOf('exporter'), prometheus: urlOf('prometheus'), alertmanager: urlOf('alertmanager') };
  const copy = (file: string) => localCopy(file, directory, secrets, addresses);

  const log = join(directory, 'mail.log');
  writeFileSync(log, '');
  const config: Record<PartName, string> = {
    exporter: filled('demo/exporter.yml', directory, { DIR: secrets, POSTFIX_LOG: log }),
    prometheus: copy('prometheus/prometheus.yml'),
    alertmanager: copy('alertmanager/alertmanager.yml'),
  };
  const suffix = options.next ? '-next' : '';
  const programs: Record<PartName, string[]> = {
    exporter: [process.execPath, join(ROOT, 'src/main.ts')],
    alertmanager: [await tool(`alertmanager${suffix}` as ToolName)],
    prometheus: [await tool(`prometheus${suffix}` as ToolName)],
  };
  const children = (Object.keys(programs) as PartName[]).map((name) => {
    const [program, ...args] = programs[name];
    const place = {
      config: config[name],
      data: join(directory, name),
      listen: urls[name].slice('http://'.length),
      url: urls[name],
    };
    return start(name, program!, [...args, ...PARTS[name].flags(place)]);
  });
  await Promise.all(
    children.map((child) => ready(child, urls[child.name as PartName] + PARTS[child.name as PartName].ready)),
  );
  const demo = startDemo(urls.exporter, secrets, log, options);
  return { directory, urls, receiver, children: [...children, demo], demo };
}

function startDemo(target: string, keys: string, log: string, { demo, onIncident }: StackOptions): Child {
  const args = ['demo/main.ts', `--target=${target}`, `--keys=${keys}`, `--postfix-log=${log}`, ...demo];
  return start('demo', process.execPath, args, {
    cwd: ROOT,
    onLine: (line, from) => {
      if (from === 'stdout' && line.startsWith('{')) onIncident(JSON.parse(line) as Incident);
    },
  });
}

/** `service:port` of docker-compose.yml → where it is here. Who stands for people is the receiver. */
async function localAddresses(receiver: Receiver): Promise<Record<string, string>> {
  const names = Object.keys(PARTS) as PartName[];
  const ports = await freePorts(names.length);
  const parts = names.map((name, i) => [`${name}:${PARTS[name].port}`, `127.0.0.1:${ports[i]}`]);
  return { ...Object.fromEntries(parts), 'people:8080': receiver.address, 'deadman:8080': receiver.address };
}

/** A shipped file with addresses and paths of this machine, in a folder of its own. */
export function localCopy(file: string, directory: string, secrets: string, addresses: Record<string, string>): string {
  const shipped = resolve(ROOT, file);
  const document = parseDocument(readFileSync(shipped, 'utf8'));
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string') return;
      node.value = local(node.value, dirname(shipped), secrets, addresses);
    },
  });
  const copy = join(directory, basename(file));
  writeFileSync(copy, document.toString());
  return copy;
}

function local(value: string, from: string, secrets: string, addresses: Record<string, string>): string {
  const [, scheme = '', host, path = ''] = /^(https?:\/\/)?(?!\d\d:\d\d$)([\w.-]+:\d+)(\/.*)?$/.exec(value) ?? [];
  if (host !== undefined) {
    const address = addresses[host];
    // Nothing may leave this machine, so an address that has no stand-in here is a mistake.
    if (address === undefined) throw new Error(`the local stack has nothing in the place of ${host}`);
    return scheme + address + path;
  }
  if (/^https?:/.test(value)) throw new Error(`the local stack has nothing in the place of ${value}`);
  if (value.startsWith(SECRETS)) {
    const name = value.slice(SECRETS.length);
    secret(secrets, name);
    return join(secrets, name);
  }
  return /^[\w./-]+\*/.test(value) ? resolve(from, value) : value;
}

/** The secret of that name, made when it is not there. */
function secret(secrets: string, name: string): string {
  const file = join(secrets, name);
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('hex'), { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

function filled(file: string, directory: string, values: Record<string, string>): string {
  const text = readFileSync(join(ROOT, file), 'utf8').replace(
    /\$\{(\w+)\}/g,
    (written, name: string) => values[name] ?? written,
  );
  const copy = join(directory, basename(file));
  writeFileSync(copy, text);
  return copy;
}

/** A real rbldnsd that serves zones as the lists do, and a real unbound before it, each on a free port of the loopback. */
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, freePorts, start } from '../stack/processes.ts';
import { tool } from '../stack/tools.ts';

export interface Zone {
  /** `bl.example.net`. Entries of the same name are one zone of several data sets: a question may get several answers. */
  zone: string;
  /** As rbldnsd(8) has them. */
  type: 'ip4set' | 'ip4tset' | 'ip4trie' | 'ip6tset' | 'ip6trie' | 'dnset' | 'generic' | 'combined' | 'acl';
  /** The lines of the data file: `:127.0.0.2:listed $` is the value that entries without one have. */
  text: string;
}

export interface Query {
  /** The name that was asked for, lower case. */
  name: string;
  /** `A`. */
  type: string;
  rcode: string;
}

export interface Rbldnsd {
  /** `127.0.0.1:5301`, UDP alone: rbldnsd has no TCP. */
  address: string;
  /** What was asked since the start, in order. */
  queries(): Query[];
  /** Other data for the n-th of the zones it was started with; resolves when it is served. */
  replace(index: number, text: string): Promise<void>;
  stop(): Promise<void>;
}

/** Unprivileged, as rbldnsd insists to be; the machine's own account for nobody in particular. */
const NOBODY = 65_534;
const LOADED = /zones reloaded/;
const STARTED = /rbldnsd version .* started/;

/** `log: false` where the log would cost what is measured; `ttl` and `host` as the zone files and the test want them. */
export async function rbldnsd(
  zones: readonly Zone[],
  options: { log?: boolean; ttl?: number; host?: string } = {},
): Promise<Rbldnsd> {
  const program = await tool('rbldnsd');
  const { directory, asUser } = place('rbldnsd-');
  const { host = '127.0.0.1', ttl = 60, log = true } = options;
  const [port] = await freePorts(1);
  const file = (index: number) => join(directory, `zone-${index}`);
  zones.forEach(({ text }, index) => {
    writeFileSync(file(index), `${text}\n`);
  });
  const queryLog = join(directory, 'queries.log');
  const said = listener();
  let replaced = 0;
  const child = start(
    'rbldnsd',
    program,
    [
      ...(asUser ? ['-u', `${NOBODY}:${NOBODY}`] : []),
      ...['-n', '-a', '-c', '1h', '-t', String(ttl), '-w', directory, '-b', `${host}/${port}`],
      ...(log ? ['-l', `+${queryLog}`] : []),
      ...zones.map(({ zone, type }, index) => `${zone}:${type}:zone-${index}`),
    ],
    { onLine: said.line },
  );
  await said.once(STARTED, child);
  return {
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    queries: () => (log ? readFileSync(queryLog, 'utf8') : '').split('\n').filter(Boolean).map(query),
    async replace(index, text) {
      writeFileSync(file(index), `${text}\n`);
      // It looks at whole seconds and the size to tell whether a file is another.
      const later = Date.now() / 1000 + ++replaced;
      utimesSync(file(index), later, later);
      const loaded = said.once(LOADED, child);
      child.process.kill('SIGHUP');
      await loaded;
    },
    async stop() {
      await child.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** `1700000000 127.0.0.1 2.0.0.127.bl.example.net A IN: NOERROR/1/56` */
function query(line: string): Query {
  const [, , name = '', type = '', , answer = ''] = line.split(' ');
  return { name: name.toLowerCase(), type, rcode: answer.slice(0, answer.indexOf('/')) };
}

export interface Unbound {
  /** `127.0.0.1:5302`, UDP and TCP. */
  address: string;
  /** Forgets a name and all below it. */
  flush(zone: string): Promise<void>;
  stop(): Promise<void>;
}

export interface UnboundOptions {
  /** Zone → the name server that has it, `127.0.0.1:5301`. All else is refused, so that no question leaves the machine. */
  stubs?: Readonly<Record<string, string>>;
  /** Records of its own, as unbound.conf(5) writes local-data: `example.com. 60 IN TXT "v=spf1 -all"`. */
  local?: readonly string[];
  /** Further lines of its `server:` clause. */
  server?: readonly string[];
  host?: string;
}

export async function unbound(options: UnboundOptions = {}): Promise<Unbound> {
  const program = await tool('unbound');
  const control = await tool('unbound-control');
  const { directory } = place('unbound-');
  const { host = '127.0.0.1' } = options;
  const [port] = await freePorts(1);
  const file = join(directory, 'unbound.conf');
  writeFileSync(file, configuration(directory, `${host}@${port}`, options));
  const said = listener();
  const child = start('unbound', program, ['-d', '-p', '-c', file], { onLine: said.line });
  await said.once(/start of service/, child);
  return {
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    async flush(zone) {
      const asking = start('unbound-control', control, ['-c', file, 'flush_zone', zone]);
      const how = await asking.ended;
      if (how !== 'ended with status 0') throw new Error(`unbound-control ${how}. It said:\n${asking.log()}`);
    },
    async stop() {
      await child.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Unbound has these itself, empty, unless it is told not to. */
const RESERVED = ['test.', 'invalid.', 'in-addr.arpa.', '127.in-addr.arpa.', '2.0.192.in-addr.arpa.'];

/** One question to it is one question to the list (qname-minimisation asks for each label in turn): tests count them. */
function configuration(directory: string, listen: string, { stubs = {}, local = [], server = [] }: UnboundOptions) {
  const quoted = (line: string) => `  local-data: '${line}'`;
  const stub = ([zone, address]: [string, string]) =>
    `stub-zone:\n  name: "${zone}"\n  stub-addr: ${address.replace(/^\[?(.*?)\]?:(\d+)$/, '$1@$2')}`;
  const open = Object.keys(stubs).map((zone) => `  local-zone: "${zone}" transparent`);
  return `server:
  interface: ${listen}
  directory: "${directory}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  log-time-ascii: no
  verbosity: 1
  num-threads: 1
  module-config: "iterator"
  qname-minimisation: no
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  access-control: ::1/128 allow
  local-zone: "." refuse
${RESERVED.map((zone) => `  local-zone: "${zone}" nodefault`).join('\n')}
${[...open, ...local.map(quoted), ...server.map((line) => `  ${line}`)].join('\n')}
remote-control:
  control-enable: yes
  control-interface: ${join(directory, 'control')}
  control-use-cert: no
${Object.entries(stubs).map(stub).join('\n')}
`;
}

/** A folder that the account which a daemon runs under can use. */
function place(prefix: string): { directory: string; asUser: boolean } {
  const directory = mkdtempSync(join(tmpdir(), prefix));
  const asUser = process.getuid?.() === 0;
  chmodSync(directory, 0o755);
  if (asUser) chownSync(directory, NOBODY, NOBODY);
  return { directory, asUser };
}

/** Waits for a line of a child, and fails with all it said when it ends first. */
function listener() {
  const waiting = new Set<{ pattern: RegExp; found: () => void }>();
  return {
    line: (line: string) => {
      for (const one of waiting) {
        if (!one.pattern.test(line)) continue;
        waiting.delete(one);
        one.found();
      }
    },
    once: (pattern: RegExp, child: Child): Promise<void> =>
      Promise.race([
        new Promise<void>((found) => {
          waiting.add({ pattern, found });
        }),
        child.ended.then((how) => {
          throw new Error(`${child.name} ${how}. It said:\n${child.log()}`);
        }),
      ]),
  };
}

/**
 * `npm run bench:logs`: the same Postfix log, a million lines of ordinary traffic made once from a seed, is appended to a
 * file that this program, Debian's prometheus-postfix-exporter and Debian's mtail follow, one after the other. Prints a
 * JSON line a program: lines per second of CPU, of all its threads, from the first line to the last one counted.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, createReadStream, createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finished, pipeline } from 'node:stream/promises';
import { type Kit, unpack, versionOf } from '../stack/debian.ts';
import { freePorts } from '../stack/processes.ts';
import { flags, folder, Measured, machine, median, pause, round, startExporter, track } from './exporter.ts';

const { program, runs, lines: LINES, seed } = flags({ runs: 3, lines: 1_000_000, seed: 1 });

const TOOLS = join(import.meta.dirname, '..', '.tools');
/** Nothing else of this project needs them. */
const KITS = {
  'prometheus-postfix-exporter': {
    packages: ['prometheus-postfix-exporter'],
    alone: true,
    tools: { 'prometheus-postfix-exporter': { file: 'usr/bin/prometheus-postfix-exporter', names: [] } },
    probe: ['prometheus-postfix-exporter', '--help'],
    prints: /(Prometheus metrics exporter for postfix)/,
    tests: false,
  },
  mtail: {
    packages: ['mtail'],
    alone: true,
    tools: { mtail: { file: 'usr/bin/mtail', names: [] } },
    probe: ['mtail', '--version'],
    prints: /version (\S+)/,
    tests: false,
  },
} as const satisfies Record<string, Kit>;

/** Numbers from 0 to 1, the same for the same seed. */
function random(state: number): () => number {
  let s = state >>> 0;
  return () => {
    s = (Math.imul(s, 1_664_525) + 1_013_904_223) >>> 0;
    return s / 2 ** 32;
  };
}

interface Log {
  file: string;
  lines: number;
  /** Lines that tell of a recipient, and messages that left the queue. */
  statuses: number;
  removed: number;
}

/** Six or seven lines a message: connect, client, message-id, from, disconnect, to, removed; one in seven does not get through. */
async function writeLog(file: string): Promise<Log> {
  const next = random(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]!;
  const senders = ['news.example.com', 'shop.example.net', 'mail.example.org'];
  const receivers = [
    'gmail.com',
    'yahoo.com',
    'outlook.com',
    'icloud.com',
    'gmx.de',
    'web.de',
    'example.org',
    'orange.fr',
  ];
  const log: Log = { file, lines: 0, statuses: 0, removed: 0 };
  const out = createWriteStream(file);
  let at = Date.now() - 3600_000;
  let text = '';
  const line = (rest: string): void => {
    const utc = new Date(at).toUTCString(); // Tue, 24 Nov 2026 05:18:16 GMT
    text += `${utc.slice(8, 11)} ${String(Number(utc.slice(5, 7))).padStart(2)} ${utc.slice(17, 25)} mx1 postfix/${rest}\n`;
    log.lines++;
  };
  for (let n = 0; log.lines < LINES; n++) {
    at += next() * 20;
    const id = ((0x100000 + n * 7919) % 2 ** 40).toString(16).toUpperCase().padStart(10, '0');
    const pid = 1000 + Math.floor(next() * 60_000);
    const [sender, receiver] = [pick(senders), pick(receivers)];
    const mx = `mx${Math.floor(next() * 4)}.${receiver}[198.51.100.${Math.floor(next() * 250)}]`;
    const to = `to=<user${pid}@${receiver}>, relay=${mx}:25, delay=${(next() * 5).toFixed(2)}, delays=0.1/0.01/0.3/0.6`;
    line(`smtpd[${pid}]: connect from app.example.com[192.0.2.7]`);
    line(`smtpd[${pid}]: ${id}: client=app.example.com[192.0.2.7]`);
    line(`cleanup[${pid + 1}]: ${id}: message-id=<${id}.${pid}@${sender}>`);
    line(
      `qmgr[977]: ${id}: from=<bounce+${id}@${sender}>, size=${Math.floor(next() * 50_000)}, nrcpt=1 (queue active)`,
    );
    line(`smtpd[${pid}]: disconnect from app.example.com[192.0.2.7] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5`);
    const luck = next();
    log.statuses++;
    if (luck < 0.86) {
      line(
        `smtp[${pid}]: ${id}: ${to}, dsn=2.0.0, status=sent (250 2.0.0 OK  1700000000 ${id}-20020a0567si12abc.12 - gsmtp)`,
      );
    } else if (luck < 0.95) {
      line(
        `smtp[${pid}]: ${id}: host ${mx} said: 421-4.7.0 Try again later, closing connection. (in reply to MAIL FROM command)`,
      );
      line(
        `smtp[${pid}]: ${id}: ${to}, dsn=4.7.0, status=deferred (host ${mx} said: 421 4.7.0 [192.0.2.1] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1 (in reply to MAIL FROM command))`,
      );
    } else {
      line(
        `smtp[${pid}]: ${id}: ${to}, dsn=5.1.1, status=bounced (host ${mx} said: 550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking the recipient's email address for typos or 550 5.1.1 unnecessary spaces. (in reply to RCPT TO command))`,
      );
    }
    if (luck < 0.86 || luck >= 0.95) {
      line(`qmgr[977]: ${id}: removed`);
      log.removed++;
    }
    if (text.length < 1e6) continue;
    if (!out.write(text)) await once(out, 'drain');
    text = '';
  }
  out.end(text);
  await finished(out);
  return log;
}

/** A program that follows the empty `file` on `port`, and what its metrics say when all lines are counted. */
interface Follower {
  version: string;
  start(file: string, directory: string): Promise<Measured>;
  done(metrics: string, log: Log): boolean;
}

function total(metrics: string, name: RegExp): number {
  return metrics
    .split('\n')
    .filter((sample) => name.test(sample))
    .reduce((sum, sample) => sum + Number(sample.slice(sample.lastIndexOf(' ') + 1)), 0);
}

/** A peer is ready when it answers. */
async function startPeer(command: string, args: (port: number) => string[]): Promise<Measured> {
  const [port = 0] = await freePorts(1);
  const measured = new Measured(track(spawn(command, args(port), { stdio: 'ignore' })), port);
  for (let i = 0; ; i++) {
    try {
      await measured.scrape();
      return measured;
    } catch (error) {
      if (i === 100 || measured.process.exitCode !== null) throw error;
      await pause(100);
    }
  }
}

async function followers(): Promise<Record<string, Follower>> {
  const mtail = await unpack('mtail', KITS.mtail, 'mtail', TOOLS);
  const peer = 'prometheus-postfix-exporter';
  const exporter = await unpack(peer, KITS[peer], peer, TOOLS);
  await versionOf(KITS[peer], exporter);
  return {
    'deliverability-exporter': {
      version: 'this',
      start: (file, directory) =>
        startExporter({
          program,
          directory,
          config: JSON.stringify({
            scrape_interval: '1s',
            sources: { mta1: { type: 'postfix', files: [file], time_zone: 'UTC' } },
          }),
        }),
      done: (metrics, log) =>
        total(metrics, /^deliverability_exporter_events_total\{.*result="counted"/) === log.statuses,
    },
    [peer]: {
      version: 'Debian',
      start: (file, directory) =>
        startPeer(exporter, (port) => [
          `--web.listen-address=127.0.0.1:${port}`,
          `--postfix.logfile_path=${file}`,
          `--postfix.showq_path=${join(directory, 'none')}`,
        ]),
      done: (metrics, log) => total(metrics, /^postfix_qmgr_messages_removed_total /) === log.removed,
    },
    mtail: {
      version: await versionOf(KITS.mtail, mtail),
      start: (file, directory) => {
        mkdirSync(join(directory, 'progs'));
        copyFileSync(
          join(TOOLS, 'mtail/usr/share/doc/mtail/examples/postfix.mtail'),
          join(directory, 'progs/postfix.mtail'),
        );
        return startPeer(mtail, (port) => [
          ...['--address', '127.0.0.1', '--port', String(port)],
          ...['--progs', join(directory, 'progs'), '--logs', file, '--log_dir', directory],
        ]);
      },
      done: (metrics, log) => total(metrics, /^postfix_qmgr_messages_removed_total[ {]/) === log.removed,
    },
  };
}

interface Figures {
  cpu: number;
  wall: number;
  rss: number;
}

async function measure(follower: Follower, log: Log): Promise<Figures> {
  const directory = folder();
  const file = join(directory, 'mail.log');
  writeFileSync(file, '');
  const measured = await follower.start(file, directory);
  await pause(1500);
  const before = measured.cpu();
  const begin = performance.now();
  await pipeline(createReadStream(log.file), createWriteStream(file, { flags: 'a' }));
  let idle = 0;
  let last = measured.cpu();
  while (!follower.done((await measured.scrape({})).body.toString(), log)) {
    await pause(500);
    const cpu = measured.cpu();
    idle = cpu - last < 0.03 ? idle + 1 : 0;
    last = cpu;
    if (idle > 20) throw new Error('it stopped reading before it had counted all lines');
  }
  const figures = { cpu: measured.cpu() - before, wall: (performance.now() - begin) / 1000, rss: measured.peak() };
  await measured.stop();
  return figures;
}

const log = await writeLog(join(folder(), 'made.log'));
const all = await followers();
const figures: Record<string, Figures[]> = Object.fromEntries(Object.keys(all).map((name) => [name, []]));
for (let i = 0; i < runs; i++)
  for (const [name, follower] of Object.entries(all)) figures[name]!.push(await measure(follower, log));
for (const [name, measured] of Object.entries(figures)) {
  const of = (figure: (f: Figures) => number): number => median(measured.map(figure));
  process.stdout.write(
    `${JSON.stringify({
      bench: 'logs',
      program: name,
      lines_per_cpu_s: Math.round(log.lines / of((f) => f.cpu)),
      rss_mb: round(of((f) => f.rss)),
      version: all[name]!.version,
      lines: log.lines,
      runs,
      cpu_s: round(
        of((f) => f.cpu),
        2,
      ),
      wall_s: round(
        of((f) => f.wall),
        2,
      ),
      machine: machine(),
    })}\n`,
  );
}
process.exit(0);

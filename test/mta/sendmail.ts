/**
 * A real Sendmail in a folder of its own, and the rsyslog that writes its log: Sendmail knows no other way than /dev/log,
 * so both /dev and /etc/hosts are the test's own, for it alone.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Kit, unpack } from '../../stack/debian.ts';
import { tool } from '../../stack/tools.ts';
import { eventually } from '../exporter.ts';
import { freePort, kit, reachable, type Sink, send } from './smtp.ts';

const RSYSLOG = {
  packages: ['rsyslog'],
  overlay: ['usr'],
  tools: { rsyslogd: { file: 'usr/sbin/rsyslogd', names: [] } },
  probe: ['rsyslogd', '-v'],
  prints: /^rsyslogd +(\S+)/,
  tests: false,
} as const satisfies Kit;

const DEVICES = ['null', 'zero', 'full', 'random', 'urandom'];

export class Sendmail {
  readonly log: string;
  readonly port: number;
  private readonly daemon: ChildProcess;

  private constructor(log: string, port: number, daemon: ChildProcess) {
    this.log = log;
    this.port = port;
    this.daemon = daemon;
  }

  /** `routes`: recipient domain to the sink that stands for its MX; all listen on one port, each on its own address. */
  static async start(t: TestContext, directory: string, routes: Record<string, Sink>): Promise<Sendmail> {
    const program = await tool('sendmail');
    const port = await freePort();
    for (const name of ['spool', 'log', 'dev', 'etc']) mkdirSync(join(directory, name), { mode: 0o700 });
    await startSyslog(t, directory);
    const hosts = Object.entries(routes).map(([domain, { address }]) => `${address} ${domain}`);
    // a host that does not know its own name waits a minute
    writeFileSync(join(directory, 'etc/hosts'), `127.0.0.1 mx1.example.net mx1 localhost\n${hosts.join('\n')}\n`);
    writeFileSync(join(directory, 'aliases'), '');
    writeFileSync(join(directory, 'service.switch'), 'hosts files\naliases files\n');
    writeFileSync(join(directory, 'sendmail.mc'), configuration(directory, port, Object.values(routes)[0]!.port));
    const macros = join(kit(program), 'usr/share/sendmail/cf/');
    const m4 = join(kit(program), 'usr/bin/m4');
    const made = execFileSync(m4, [`-D_CF_DIR_=${macros}`, join(macros, 'm4/cf.m4'), join(directory, 'sendmail.mc')], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    writeFileSync(join(directory, 'sendmail.cf'), made);
    const daemon = spawn('unshare', ['--mount', '--uts', 'sh', '-ec', inside(directory, program)], { stdio: 'ignore' });
    const sendmail = new Sendmail(join(directory, 'log/mail.log'), port, daemon);
    t.after(() => sendmail.stop());
    await eventually('Sendmail answers', () => reachable(port));
    return sendmail;
  }

  async send(count: number, from: string, to: string, recipients = 1): Promise<void> {
    await send(this.port, count, from, to, recipients);
  }

  async stop(): Promise<void> {
    if (this.daemon.exitCode !== null || this.daemon.signalCode !== null) return;
    const gone = once(this.daemon, 'exit');
    this.daemon.kill('SIGTERM');
    await gone;
  }
}

/** Debian's default template, on a socket of our own. */
async function startSyslog(t: TestContext, directory: string): Promise<void> {
  const program = await unpack('rsyslog', RSYSLOG, 'rsyslogd', join(import.meta.dirname, '../../.tools'));
  const file = join(directory, 'rsyslog.conf');
  writeFileSync(
    file,
    `module(load="imuxsock" SysSock.Name="${directory}/log.sock")
action(type="omfile" file="${directory}/log/mail.log" template="RSYSLOG_FileFormat")
`,
  );
  const daemon = spawn(program, ['-n', '-f', file, '-i', join(directory, 'rsyslog.pid')], { stdio: 'ignore' });
  t.after(() => daemon.kill('SIGKILL'));
  await eventually('rsyslog listens', () => existsSync(join(directory, 'log.sock')));
}

/** In a mount namespace and a name of its own. */
function inside(directory: string, program: string): string {
  const devices = DEVICES.map((name) => `touch dev/${name} && mount --bind /dev/${name} dev/${name}`);
  return `cd ${directory}
hostname mx1.example.net
mount -t overlay overlay -o lowerdir=${directory}/etc:/etc /etc
${devices.join('\n')}
ln -s ${directory}/log.sock dev/log
mount --rbind ${directory}/dev /dev
exec ${program} -L sm-mta -bD -q2s -C ${directory}/sendmail.cf`;
}

function configuration(directory: string, port: number, sinks: number): string {
  const options = {
    confPID_FILE: `${directory}/pid`,
    QUEUE_DIR: `${directory}/spool`,
    STATUS_FILE: `${directory}/statistics`,
    ALIAS_FILE: `${directory}/aliases`,
    confCW_FILE: '/dev/null',
    confHOSTS_FILE: `${directory}/etc/hosts`,
    confSERVICE_SWITCH_FILE: `${directory}/service.switch`,
    confDOMAIN_NAME: 'mx1.example.net',
    confDONT_PROBE_INTERFACES: 'True',
    // the machine may be busy with other tests
    confQUEUE_LA: '1000',
    confREFUSE_LA: '1000',
    confTO_IDENT: '0',
    confTO_QUEUERETURN: '8s',
    confTO_QUEUEWARN: '0',
    confMIN_QUEUE_AGE: '0',
    ESMTP_MAILER_ARGS: `TCP $h ${sinks}`,
  };
  const defines = Object.entries(options).map(([name, value]) => `define(\`${name}', \`${value}')`);
  const features = ['no_default_msa', 'accept_unresolvable_domains', 'promiscuous_relay', 'nocanonify'];
  return `OSTYPE(\`linux')
${defines.join('\n')}
DAEMON_OPTIONS(\`Family=inet, Name=MTA, Port=${port}, Addr=127.0.0.1')
${features.map((name) => `FEATURE(\`${name}')`).join('\n')}
MAILER(\`local')
MAILER(\`smtp')
`;
}

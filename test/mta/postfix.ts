/** A real Postfix in a folder of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tool } from '../../stack/tools.ts';
import { eventually } from '../exporter.ts';
import { account, freePort, kit, reachable, type Sink, send } from './smtp.ts';

export class Postfix {
  readonly log: string;
  readonly port: number;
  private readonly directory: string;
  private readonly program: string;
  private master: ChildProcess | undefined;

  private constructor(directory: string, program: string, port: number) {
    this.directory = directory;
    this.program = program;
    this.port = port;
    this.log = join(directory, 'log', 'mail.log');
  }

  /** `routes`: recipient domain to the sink that stands for its MX. */
  static async start(t: TestContext, directory: string, routes: Record<string, Sink>): Promise<Postfix> {
    const postfix = new Postfix(directory, await tool('postfix'), await freePort());
    postfix.configure(routes);
    postfix.master = spawn(postfix.program, ['-c', join(directory, 'etc'), 'start-fg'], { stdio: 'ignore' });
    t.after(() => postfix.stop());
    await eventually(
      'Postfix listens',
      () => existsSync(postfix.log) && readFileSync(postfix.log, 'utf8').includes('daemon started'),
    );
    await eventually('Postfix answers', () => reachable(postfix.port));
    return postfix;
  }

  /** Hands over `count` messages, one recipient each, and returns when Postfix has them. */
  async send(count: number, from: string, to: string): Promise<void> {
    await send(this.port, count, from, to);
  }

  /** As logrotate does: the file gets another name, and Postfix is told to open a new one. */
  rotate(): void {
    renameSync(this.log, `${this.log}.1`);
    execFileSync(this.program, ['-c', join(this.directory, 'etc'), 'reload'], { stdio: 'pipe' });
  }

  async stop(): Promise<void> {
    const { master } = this;
    if (!master || master.exitCode !== null || master.signalCode !== null) return;
    const gone = new Promise((resolve) => master.once('exit', resolve));
    // `start-fg` runs the master as its child, and does not pass signals on.
    try {
      process.kill(Number(readFileSync(join(this.directory, 'spool/pid/master.pid'), 'utf8')), 'SIGTERM');
    } catch {
      // It never came up, or is gone.
    }
    master.kill('SIGTERM');
    await gone;
  }

  private configure(routes: Record<string, Sink>): void {
    const { directory } = this;
    // Its daemons run as another user, who must be able to come in.
    chmodSync(directory, 0o755);
    for (const folder of ['etc', 'spool', 'data', 'log']) mkdirSync(join(directory, folder), { recursive: true });
    const users = account(this.program, 'postfix');
    chownSync(join(directory, 'data'), users, users);
    const maps = Object.entries(routes).map(([domain, { port }]) => `{${domain}=smtp:[127.0.0.1]:${port}}`);
    const settings = {
      compatibility_level: '3.6',
      queue_directory: join(directory, 'spool'),
      data_directory: join(directory, 'data'),
      maillog_file: this.log,
      maillog_file_prefixes: directory,
      inet_interfaces: '127.0.0.1',
      inet_protocols: 'ipv4',
      myhostname: 'mx1.example.net',
      mydestination: '',
      mynetworks: '127.0.0.0/8',
      alias_maps: '',
      smtpd_relay_restrictions: 'permit_mynetworks, reject',
      smtp_dns_support_level: 'disabled',
      notify_classes: '',
      minimal_backoff_time: '2s',
      maximal_backoff_time: '2s',
      queue_run_delay: '2s',
      // What bounces is returned to its sender; that is nobody's concern here.
      transport_maps: `inline:{ ${maps.join(', ')}, {example.com=discard:}, {example.net=discard:} }`,
    };
    writeFileSync(
      join(directory, 'etc/main.cf'),
      Object.entries(settings)
        .map(([key, value]) => `${key} = ${value}\n`)
        .join(''),
    );
    const services = readFileSync(join(kit(this.program), 'usr/share/postfix/master.cf.dist'), 'utf8');
    writeFileSync(
      join(directory, 'etc/master.cf'),
      services
        .replace(/^smtp( +)inet/m, `127.0.0.1:${this.port}$1inet`)
        .replace(/^(\S+ +\S+ +\S+ +\S+ +)y( )/gm, '$1n$2'),
    );
  }
}

/** A real Exim in a folder of its own, as Debian builds it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tool } from '../../stack/tools.ts';
import { eventually } from '../exporter.ts';
import { account, freePort, reachable, type Sink, send } from './smtp.ts';

export class Exim {
  readonly log: string;
  readonly port: number;
  private readonly daemon: ChildProcess;

  private constructor(log: string, port: number, daemon: ChildProcess) {
    this.log = log;
    this.port = port;
    this.daemon = daemon;
  }

  /**
   * `routes`: recipient domain to the sink that stands for its MX; each needs an address of its own, because Exim sends
   * to the same address what it thinks the same host. `local.example` is delivered here.
   */
  static async start(t: TestContext, directory: string, routes: Record<string, Sink>): Promise<Exim> {
    const program = await tool('exim4');
    const port = await freePort();
    const user = account(program, 'Debian-exim');
    chmodSync(directory, 0o755);
    for (const name of ['spool', 'log']) {
      mkdirSync(join(directory, name));
      chownSync(join(directory, name), user, user);
    }
    writeFileSync(join(directory, 'exim.conf'), configuration(directory, port, routes));
    const daemon = spawn(program, ['-C', join(directory, 'exim.conf'), '-bdf', '-q2s'], { stdio: 'ignore' });
    const exim = new Exim(join(directory, 'log', 'mainlog'), port, daemon);
    t.after(() => exim.stop());
    await eventually('Exim answers', () => reachable(port));
    return exim;
  }

  async send(count: number, from: string, to: string, recipients = 1): Promise<void> {
    await send(this.port, count, from, to, recipients);
  }

  /** Exim looks by itself whether its log still has its name. */
  rotate(): void {
    renameSync(this.log, `${this.log}.1`);
  }

  async stop(): Promise<void> {
    if (this.daemon.exitCode !== null || this.daemon.signalCode !== null) return;
    const gone = once(this.daemon, 'exit');
    this.daemon.kill('SIGTERM');
    await gone;
  }
}

function configuration(directory: string, port: number, routes: Record<string, Sink>): string {
  const hosts = Object.entries(routes).map(([domain, { address, port: at }]) => `${domain}=${address}::${at}`);
  return `
spool_directory = ${directory}/spool
log_file_path = ${directory}/log/%slog
pid_file_path = ${directory}/exim.pid
primary_hostname = mx1.example.net
local_interfaces = <; 127.0.0.1.${port}
daemon_smtp_ports = ${port}
log_selector = +incoming_interface +outgoing_interface +queue_time +deliver_time +received_recipients +millisec
log_timezone
smtp_accept_queue_per_connection = 0
queue_run_max = 5
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
keep_environment =
disable_ipv6
acl_smtp_rcpt = accept
retry_interval_max = 2s
begin routers
mailbox:
  driver = accept
  domains = local.example
  transport = local_delivery
sinks:
  driver = manualroute
  route_data = \${extract{$domain}{${hosts.join(' ')}}{$value}fail}
  host_find_failed = decline
  self = send
  transport = remote_smtp
# what bounces is returned to its sender; that is nobody's concern here
returned:
  driver = redirect
  condition = \${if eq{$sender_address}{}}
  data = :blackhole:
begin transports
remote_smtp:
  driver = smtp
  allow_localhost
  interface = 127.0.0.60
local_delivery:
  driver = appendfile
  file = ${directory}/spool/mbox
  user = Debian-exim
begin retry
* * F,8s,1s
`;
}

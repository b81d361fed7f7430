/** A running Postfix of test/mta/ is prepared for the actuator, as docs/actuators.md tells an operator to. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tool } from '../../stack/tools.ts';
import { kit } from '../mta/smtp.ts';

/** Lines of main.cf, with the folder of the tables in the place of DIRECTORY: word for word those of docs/actuators.md. */
export const MAIN_CF = {
  smtpd_sender_restrictions:
    'check_sender_access pipemap:{regexp:{{/@([^@]+)$$/ sender:$$1}}, hash:DIRECTORY/hold}, check_sender_access pipemap:{static:all, hash:DIRECTORY/hold}',
  smtpd_recipient_restrictions:
    'check_recipient_access pipemap:{regexp:{{/@([^@]+)$$/ recipient:$$1}}, hash:DIRECTORY/hold}',
  header_checks:
    'pipemap:{regexp:{{/^X-Campaign:[[:space:]]*(.*[^[:space:]])[[:space:]]*$$/ "campaign:$$1"}}, hash:DIRECTORY/hold}',
  sender_dependent_default_transport_maps: 'hash:DIRECTORY/routes, pipemap:{static:all, hash:DIRECTORY/routes}',
  transport_maps: 'hash:DIRECTORY/routes',
};

export interface Prepared {
  /** Keys of the actuator. */
  config: { directory: string; config_directory: string; command: string[] };
  /** One of Postfix's programs, as if it were installed. */
  run(program: string, args: string[], input?: string): string;
}

/** `directory`: that of Postfix.start. The transports `slow-half` and `slow-quarter` stand in for smtp. */
export async function prepare(directory: string, set: Record<string, string> = {}): Promise<Prepared> {
  const config_directory = join(directory, 'etc');
  const own = join(directory, 'deliverability');
  mkdirSync(own, { recursive: true });
  chmodSync(own, 0o755);
  const command = await programs(directory);
  const run = (program: string, args: string[], input = '') => {
    const [file = '', ...rest] = [...command, `/usr/sbin/${program}`, '-c', config_directory, ...args];
    return execFileSync(file, rest, { encoding: 'utf8', input, stdio: 'pipe' });
  };
  for (const table of ['hold', 'routes']) {
    writeFileSync(join(own, table), '');
    run('postmap', [`hash:${join(own, table)}`]);
  }
  for (const transport of ['slow-half', 'slow-quarter'])
    run('postconf', ['-M', `${transport}/unix=${transport} unix - - n - - smtp -o syslog_name=postfix/${transport}`]);
  const routes = run('postconf', ['-h', 'transport_maps']).trim();
  const lines = { ...MAIN_CF, transport_maps: `${MAIN_CF.transport_maps}, ${routes}`, ...set };
  const limits = { 'slow-half_destination_concurrency_limit': '1', 'slow-quarter_destination_rate_delay': '1s' };
  for (const [key, value] of Object.entries({ ...lines, ...limits }))
    run('postconf', ['-e', `${key} = ${value.replaceAll('DIRECTORY', own)}`]);
  execFileSync(await tool('postfix'), ['-c', config_directory, 'reload'], { stdio: 'pipe' });
  return { config: { directory: own, config_directory, command }, run };
}

/** Stands before a program where Postfix is not installed: its kit's overlay is laid for any of its programs. */
async function programs(directory: string): Promise<string[]> {
  const postconf = await tool('postconf');
  const root = kit(postconf);
  if (root === '/' || !existsSync(join(root, 'run'))) return [];
  const script = readFileSync(postconf, 'utf8')
    .replace(/^root=.*$/m, `root=${root}`)
    .replace('exec /usr/sbin/postconf "$@"', 'exec "$@"');
  const file = join(directory, 'run');
  writeFileSync(file, script, { mode: 0o755 });
  return [file];
}

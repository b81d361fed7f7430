/**
 * The name of a foreign program becomes the path of one that runs: from PATH, else from Debian packages unpacked below
 * `.tools/`, without root and without starting a service. `npm run tools` brings what `npm test` needs.
 */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Kit, unpack, versionOf } from './debian.ts';

export const KITS = {
  prometheus: {
    packages: ['prometheus'],
    // 218 MB of time zones for the graph page.
    without: ['libjs-moment-timezone'],
    overlay: ['usr'],
    tools: {
      prometheus: { file: 'usr/bin/prometheus', names: ['prometheus'] },
      promtool: { file: 'usr/bin/promtool', names: ['promtool'] },
    },
    probe: ['promtool', '--version'],
    prints: /version ([\d.]+)/,
    tests: true,
  },
  // Debian's reads /usr/share/prometheus/alertmanager/default.tmpl, a path that no flag changes.
  alertmanager: {
    packages: ['prometheus-alertmanager'],
    overlay: ['usr'],
    tools: {
      alertmanager: { file: 'usr/bin/prometheus-alertmanager', names: ['alertmanager', 'prometheus-alertmanager'] },
      amtool: { file: 'usr/bin/amtool', names: ['amtool'] },
    },
    probe: ['alertmanager', '--version'],
    prints: /version ([\d.]+)/,
    tests: true,
  },
  'prometheus-next': {
    packages: ['prometheus', 'promtool'],
    suite: 'sid',
    alone: true,
    tools: {
      'prometheus-next': { file: 'usr/bin/prometheus', names: ['prometheus-next'] },
      'promtool-next': { file: 'usr/bin/promtool', names: ['promtool-next'] },
    },
    probe: ['promtool-next', '--version'],
    prints: /version ([\d.]+)/,
    tests: true,
  },
  'alertmanager-next': {
    packages: ['prometheus-alertmanager'],
    suite: 'sid',
    alone: true,
    overlay: ['usr'],
    tools: {
      'alertmanager-next': { file: 'usr/bin/prometheus-alertmanager', names: ['alertmanager-next'] },
      'amtool-next': { file: 'usr/bin/amtool', names: ['amtool-next'] },
    },
    probe: ['alertmanager-next', '--version'],
    prints: /version ([\d.]+)/,
    tests: true,
  },
  postfix: {
    packages: ['postfix'],
    overlay: ['usr', 'etc'],
    accounts: ['postfix', 'postdrop'],
    tools: {
      postfix: { file: 'usr/sbin/postfix', names: ['postfix'] },
      postconf: { file: 'usr/sbin/postconf', names: ['postconf'] },
      'smtp-sink': { file: 'usr/sbin/smtp-sink', names: ['smtp-sink'] },
      'smtp-source': { file: 'usr/sbin/smtp-source', names: ['smtp-source'] },
    },
    probe: ['postconf', '-dh', 'mail_version'],
    prints: /^([\d.]+)$/m,
    tests: true,
  },
  compose: {
    packages: ['docker-compose'],
    overlay: ['usr'],
    tools: { 'docker-compose': { file: 'usr/bin/docker-compose', names: ['docker-compose'] } },
    probe: ['docker-compose', 'version', '--short'],
    prints: /^v?([\d.]+)$/m,
    tests: true,
  },
  rbldnsd: {
    packages: ['rbldnsd'],
    tools: { rbldnsd: { file: 'usr/sbin/rbldnsd', names: ['rbldnsd'] } },
    probe: ['rbldnsd', '-h'],
    prints: /version (\S+)/,
    tests: true,
  },
  unbound: {
    packages: ['unbound'],
    overlay: ['usr', 'etc'],
    accounts: ['unbound'],
    tools: {
      unbound: { file: 'usr/sbin/unbound', names: ['unbound'] },
      'unbound-control': { file: 'usr/sbin/unbound-control', names: ['unbound-control'] },
    },
    probe: ['unbound', '-V'],
    prints: /Version ([\d.]+)/,
    tests: true,
  },
  exim4: {
    packages: ['exim4-daemon-light'],
    overlay: ['usr', 'etc'],
    accounts: ['Debian-exim'],
    tools: { exim4: { file: 'usr/sbin/exim4', names: ['exim4'] } },
    probe: ['exim4', '-C', '/dev/null', '-bV'],
    prints: /version ([\d.]+)/,
    tests: true,
  },
  // `sendmail` in PATH is any MTA's.
  sendmail: {
    packages: ['sendmail-bin'],
    overlay: ['usr', 'etc'],
    accounts: ['smmta', 'smmsp'],
    tools: { sendmail: { file: 'usr/libexec/sendmail/sendmail', names: [] } },
    probe: ['sendmail', '-d0.1', '-bP'],
    prints: /Version ([\d.]+)/,
    tests: true,
  },
  chromium: {
    packages: ['chromium'],
    overlay: ['usr', 'etc'],
    tools: { chromium: { file: 'usr/bin/chromium', names: ['chromium'] } },
    probe: ['chromium', '--version'],
    prints: /Chromium ([\d.]+)/,
    tests: false,
  },
} as const satisfies Record<string, Kit>;

export type KitName = keyof typeof KITS;
type ToolOf<K extends Kit> = K extends Kit ? keyof K['tools'] & string : never;
export type ToolName = ToolOf<(typeof KITS)[KitName]>;

const HOME = join(import.meta.dirname, '..', '.tools');

/** The path of a program that runs as it stands. Fetches it when the machine has none; see `npm run tools`. */
export async function tool(name: ToolName, home = HOME): Promise<string> {
  const entry = Object.entries(KITS as Record<string, Kit>).find(([, kit]) => name in kit.tools);
  if (entry === undefined) throw new Error(`stack/tools.ts has no tool named ${name}`);
  const [kitName, kit] = entry;
  const { file, names } = kit.tools[name]!;
  const own = names.map(inPath).find((path) => path !== undefined);
  if (own !== undefined) return own;
  // Sendmail's lies outside every PATH; from sid nothing is ever installed.
  if (kit.suite === undefined && isProgram(`/${file}`)) return `/${file}`;
  return await unpack(kitName, kit, name, home);
}

/** Debian's users have no sbin in PATH, where MTAs and name servers lie. */
function inPath(name: string): string | undefined {
  const dirs = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return dirs
    .filter((dir) => dir !== '')
    .map((dir) => join(dir, name))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  if (!existsSync(path) || !statSync(path).isFile()) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Prints one line for each kit that is there, and fails with what to install for those that are not. */
async function bring(kits: readonly Kit[]): Promise<void> {
  const missing: string[] = [];
  for (const kit of kits) {
    try {
      const program = await tool(kit.probe[0] as ToolName);
      console.log(`${Object.keys(kit.tools).join(', ')}: ${await versionOf(kit, program)} (${program})`);
    } catch (error) {
      missing.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (missing.length > 0) throw new Error(missing.join('\n'));
}

if (import.meta.main) {
  const wanted = process.argv.slice(2);
  const all = Object.entries(KITS as Record<string, Kit>);
  const unknown = wanted.filter((name) => !(name in KITS));
  if (unknown.length > 0) {
    console.error(`No such tool: ${unknown.join(', ')}. There are: ${Object.keys(KITS).join(', ')}.`);
    process.exit(1);
  }
  const kits = all.filter(([name, kit]) => (wanted.length > 0 ? wanted.includes(name) : kit.tests));
  await bring(kits.map(([, kit]) => kit)).catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}

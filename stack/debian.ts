/**
 * Debian packages become a folder whose programs run in place, with nobody's rights but one's own. After apt-get(8),
 * dpkg-deb(1), unshare(1) and the kernel's overlayfs.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { guarded } from './processes.ts';

const run = (command: string, args: readonly string[], options = {}) =>
  promisify(execFile)(...guarded(command, args), options);

export interface Kit {
  /** Debian packages. What they depend on comes too where the machine lacks it. */
  packages: readonly string[];
  /** Dependencies that are not worth their size. */
  without?: readonly string[];
  /** No dependencies at all: the programs need nothing but libc, whatever their packages say. */
  alone?: true;
  /** The Debian release they are taken from; absent: the machine's own. */
  suite?: 'sid';
  /**
   * Directories of the packages that the programs open by absolute path: they run in a mount namespace of their own
   * with these laid over the machine's. `etc` only where needed, for it hides what a container has mounted there.
   */
  overlay?: readonly ('usr' | 'etc')[];
  /** Users and groups that installing would have made; seen inside the overlay only. */
  accounts?: readonly string[];
  /** Tool → its file in the packages, and the names it may have in PATH. */
  tools: Readonly<Record<string, { file: string; names: readonly string[] }>>;
  /** A tool and arguments that prove that the kit runs, whatever the exit status. */
  probe: readonly [tool: string, ...args: string[]];
  /** What the probe prints then; its group is the version. */
  prints: RegExp;
  /** `npm test` needs it. */
  tests: boolean;
}

/** Lists older than this are asked for again. */
const FRESH_MS = 600_000;

/** The path of one tool of a kit below `home`, which is filled first when it lacks the kit. */
export async function unpack(kitName: string, kit: Kit, tool: string, home: string): Promise<string> {
  const place = join(home, kitName);
  if (!existsSync(place)) {
    try {
      mkdirSync(home, { recursive: true });
      await locked(join(home, 'lock'), () => fill(place, kitName, kit));
    } catch (error) {
      throw new Error(`${tool} is neither in PATH nor could it be fetched: ${reason(error)}\n${remedy(kit, tool)}`);
    }
  }
  return join(place, programOf(kit, tool));
}

function programOf(kit: Kit, tool: string): string {
  return kit.overlay === undefined ? kit.tools[tool]!.file : join('run', tool);
}

function remedy(kit: Kit, tool: string): string {
  return kit.suite === undefined
    ? `Install it: apt-get update && apt-get install -y --no-install-recommends ${kit.packages.join(' ')}`
    : `It comes from Debian ${kit.suite}. Where that is out of reach, put the program in PATH under the name ${tool}.` +
        '\nWhat fetching needs: apt-get update && apt-get install -y ca-certificates debian-archive-keyring util-linux';
}

/** Two processes fill one at a time; the kernel lets go of the lock however its holder ends. */
async function locked(file: string, work: () => Promise<void>): Promise<void> {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo; cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const gone = once(holder, 'exit');
  const failed = gone.then(() => Promise.reject(new Error(`flock ${file} failed`)));
  failed.catch(() => {});
  await Promise.race([once(holder.stdout, 'data'), failed]);
  try {
    await work();
  } finally {
    holder.stdin.end();
    await gone;
  }
}

/** Nothing stands at `place` until all of it does: filled beside it, tried, then renamed. */
async function fill(place: string, kitName: string, kit: Kit): Promise<void> {
  const home = join(place, '..');
  for (const left of readdirSync(home).filter((name) => name.startsWith('unpacking-'))) {
    rmSync(join(home, left), { recursive: true });
  }
  if (existsSync(place)) return;
  console.error(`Fetching ${kitName} (Debian: ${kit.packages.join(', ')}) to ${place}`);
  const work = mkdtempSync(join(home, 'unpacking-'));
  try {
    const root = join(work, kitName);
    for (const deb of await download(work, home, kit)) await run('dpkg-deb', ['--extract', deb, root]);
    await run('chmod', ['-R', 'ug-s', root]);
    mergeUsr(root);
    if (kit.overlay !== undefined) wrap(root, kit);
    if (kit.accounts !== undefined) addAccounts(root, kit.accounts);
    await versionOf(kit, join(root, programOf(kit, kit.probe[0])));
    renameSync(root, place);
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** The .deb files of a kit. */
async function download(work: string, home: string, { packages, suite, alone, without = [] }: Kit): Promise<string[]> {
  const lists = await refreshed(home, suite);
  let names = packages;
  try {
    if (alone === undefined) {
      const { stdout } = await run('apt-get', [...lists.options, '--simulate', 'install', ...packages]);
      names = [...stdout.matchAll(/^Inst (\S+)/gm)].map((match) => match[1]!).filter((name) => !without.includes(name));
    }
    await run('apt-get', [...lists.options, 'download', ...names], { cwd: work });
  } catch (error) {
    rmSync(lists.stamp, { force: true });
    throw new Error(`${lists.refused}\n${reason(error)}`.trim());
  }
  return readdirSync(work)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => join(work, name));
}

interface Lists {
  /** Of apt-get, to use them. */
  options: string[];
  /** Its age is that of the lists. */
  stamp: string;
  /** What was wrong with refreshing them. */
  refused: string;
}

/** Lists and caches are our own: the machine's may be empty, stale or not ours to write. */
async function refreshed(home: string, suite: Kit['suite']): Promise<Lists> {
  const state = join(home, 'apt', suite ?? 'own');
  for (const dir of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(state, dir), { recursive: true });
  const options = [
    ...['-qq', '-o', `Dir::State::Lists=${state}/lists`, '-o', `Dir::Cache=${state}/cache`],
    ...['-o', 'Acquire::Languages=none', '-o', 'APT::Sandbox::User=root', '-o', 'APT::Install-Recommends=false'],
    // A mirror that lags is better than none: who signed is checked all the same.
    ...['-o', 'Acquire::Retries=3', '-o', 'Acquire::Check-Valid-Until=false'],
  ];
  if (suite !== undefined) {
    const list = join(state, 'sources.list');
    writeFileSync(list, await debianSource(suite, await refreshed(home, undefined)));
    options.push('-o', `Dir::Etc::SourceList=${list}`, '-o', 'Dir::Etc::SourceParts=/dev/null');
  }
  const stamp = join(state, 'updated');
  if (existsSync(stamp) && Date.now() - statSync(stamp).mtimeMs < FRESH_MS) return { options, stamp, refused: '' };
  // One source of several out of reach is no reason to give up: a package that cannot be had says so by itself.
  const refused = await run('apt-get', [...options, 'update']).then(() => '', reason);
  if (refused === '') writeFileSync(stamp, '');
  return { options, stamp, refused };
}

/** Another release, from the mirror that the machine takes its own from; apt tells it only of lists that it has. */
async function debianSource(suite: string, own: Lists): Promise<string> {
  const release = /^VERSION_CODENAME=(\S+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const format = '$(RELEASE) $(COMPONENT) $(REPO_URI)';
  const { stdout } = await run('apt-get', [...own.options, 'indextargets', '--format', format]);
  const line = stdout.split('\n').find((target) => target.startsWith(`${release} main `));
  const mirror = line?.split(' ')[2];
  if (mirror === undefined) {
    throw new Error(`${own.refused}\napt-get knows no mirror of Debian; name one in /etc/apt/sources.list`.trim());
  }
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  return `deb ${existsSync(keyring) ? `[signed-by=${keyring}] ` : ''}${mirror} ${suite} main\n`;
}

/** A package may still say /lib where the machine has /usr/lib. */
function mergeUsr(root: string): void {
  for (const dir of ['bin', 'lib', 'sbin'].map((name) => join(root, name)).filter((path) => existsSync(path))) {
    cpSync(dir, join(root, 'usr', basename(dir)), { recursive: true, verbatimSymlinks: true });
    rmSync(dir, { recursive: true });
  }
}

/** One script a tool. It works wherever the folder is moved to, and keeps process id, signals and working directory. */
function wrap(root: string, kit: Kit): void {
  mkdirSync(join(root, 'run'));
  const mounts = (kit.overlay ?? []).map((dir) => `mount -t overlay overlay -o lowerdir=${dir}:/${dir} /${dir}`);
  for (const [tool, { file }] of Object.entries(kit.tools)) {
    const script = `#!/bin/sh
# ${basename(file)} and its libraries are looked for at absolute paths: here its packages lie over the machine's, for it alone.
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || as=--map-root-user
exec unshare $as --mount sh -c '(cd "$0" && ${mounts.join(' && ')}) && exec /${file} "$@"' "$root" "$@"
`;
    writeFileSync(join(root, 'run', tool), script, { mode: 0o755 });
  }
}

/** The machine's own accounts and those that an installation would have added, to be laid over /etc. */
function addAccounts(root: string, accounts: readonly string[]): void {
  let passwd = readFileSync('/etc/passwd', 'utf8');
  let group = readFileSync('/etc/group', 'utf8');
  let id = 700;
  for (const name of accounts) {
    while (`${passwd}\n${group}`.includes(`:${id}:`)) id++;
    if (!new RegExp(`^${name}:`, 'm').test(group)) group += `${name}:x:${id}:\n`;
    const gid = new RegExp(`^${name}:[^:]*:(\\d+):`, 'm').exec(group)![1]!;
    if (!new RegExp(`^${name}:`, 'm').test(passwd))
      passwd += `${name}:x:${id}:${gid}::/nonexistent:/usr/sbin/nologin\n`;
  }
  writeFileSync(join(root, 'etc/passwd'), passwd);
  writeFileSync(join(root, 'etc/group'), group);
}

/** What the failed command itself said, for a person. */
function reason(error: unknown): string {
  if (error instanceof Error && 'stderr' in error && String(error.stderr).trim() !== '')
    return String(error.stderr).trim();
  return error instanceof Error ? error.message : String(error);
}

/** The version that a program of a kit tells; fails with what it said instead. */
export async function versionOf(kit: Kit, program: string): Promise<string> {
  const said = await run(program, kit.probe.slice(1)).catch((error: { stdout?: string; stderr?: string }) => error);
  const text = `${said.stdout ?? ''}${said.stderr ?? ''}`.trim();
  const version = kit.prints.exec(text)?.[1];
  if (version === undefined) throw new Error(`${program} does not run here: ${text === '' ? String(said) : text}`);
  return version;
}

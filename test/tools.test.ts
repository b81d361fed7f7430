/** stack/tools.ts: what is in PATH is taken, what is not is fetched as nobody in particular, and failure names the cure. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import type { Kit } from '../stack/debian.ts';
import { PARTS } from '../stack/parts.ts';
import { freePorts, ready, start } from '../stack/processes.ts';
import { KITS, tool } from '../stack/tools.ts';
import { eventually } from './exporter.ts';

/** A small kit that needs nothing; no machine that runs this has it in PATH by chance. */
const SMALL = 'rbldnsd';

/** Everything that fetching needs, in a folder that anybody may read, so that somebody without rights can run it. */
let place: string;

before(() => {
  place = mkdtempSync(join(tmpdir(), 'deliverability-tools-'));
  for (const file of ['tools.ts', 'debian.ts', 'processes.ts']) {
    cpSync(join(import.meta.dirname, '../stack', file), join(place, file));
  }
  cpSync(process.execPath, join(place, 'node'));
  chmodSync(place, 0o777);
});
after(() => rmSync(place, { recursive: true, force: true }));

function fetching(home: string, path = process.env.PATH ?? ''): ChildProcess {
  const script = `import { tool } from '${place}/tools.ts'; console.log(await tool('${SMALL}', '${home}'));`;
  const command = [join(place, 'node'), '--input-type=module', '--eval', script];
  const nobody =
    process.getuid?.() === 0 ? ['/usr/bin/setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
  const [program, ...args] = [...nobody, ...command];
  return spawn(program!, args, { cwd: '/', env: { PATH: path, HOME: '/nonexistent' } });
}

async function outcome(child: ChildProcess): Promise<{ status: number | null; out: string; err: string }> {
  const exit = once(child, 'exit');
  const [out, err] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
  const [status] = (await exit) as [number | null];
  return { status, out: out.trim(), err };
}

/** A PATH with some programs of this machine and no others. */
function pathOf(name: string, ...programs: string[]): string {
  const dir = join(place, name);
  mkdirSync(dir);
  for (const program of programs)
    symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), join(dir, program));
  return dir;
}

test('every tool has one kit, and every probe is a tool of its kit', () => {
  const kits: Kit[] = Object.values(KITS);
  const names = kits.flatMap((kit) => Object.keys(kit.tools));
  assert.equal(new Set(names).size, names.length);
  for (const kit of kits) assert.ok(kit.probe[0] in kit.tools, kit.probe[0]);
});

test('what is in PATH is taken as it is', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'deliverability-path-'));
  const { PATH } = process.env;
  t.after(() => {
    process.env.PATH = PATH;
    rmSync(dir, { recursive: true });
  });
  writeFileSync(join(dir, 'promtool'), '#!/bin/sh\n', { mode: 0o755 });
  process.env.PATH = `${dir}:${PATH}`;
  assert.equal(await tool('promtool'), join(dir, 'promtool'));
});

describe('fetching', () => {
  test('two at once, without root: one fetches, both get a program that runs, nothing else is left', async () => {
    const home = join(place, 'home');
    const [one, two] = await Promise.all([outcome(fetching(home)), outcome(fetching(home))]);
    assert.equal(one.status, 0, one.err);
    assert.equal(two.status, 0, two.err);
    assert.equal(one.out, join(home, SMALL, KITS[SMALL].tools.rbldnsd.file));
    assert.equal(two.out, one.out);
    assert.equal(`${one.err}${two.err}`.match(/^Fetching/gm)?.length, 1);
    assert.match(execFileSync(one.out, ['-h'], { encoding: 'utf8' }), KITS[SMALL].prints);
    assert.deepEqual(readdirSync(home).sort(), ['apt', 'lock', SMALL]);
    // A second time nothing is asked of anybody.
    const again = await outcome(fetching(home, pathOf('without-apt')));
    assert.deepEqual({ status: again.status, out: again.out }, { status: 0, out: one.out });
  });

  test('killed half-way, the next one starts afresh', async () => {
    const home = join(place, 'killed');
    const victim = fetching(home);
    const begun = () => existsSync(home) && readdirSync(home).some((name) => name.startsWith('unpacking-'));
    await eventually('fetching has begun', begun);
    victim.kill('SIGKILL');
    await once(victim, 'exit');
    assert.equal(existsSync(join(home, SMALL)), false);
    const { status, err } = await outcome(fetching(home));
    assert.equal(status, 0, err);
    assert.deepEqual(readdirSync(home).sort(), ['apt', 'lock', SMALL]);
  });

  for (const [what, programs] of [
    ['nothing that fetching needs', []],
    ['no apt-get', ['flock', 'setpriv', 'sh', 'cat']],
  ] as const) {
    test(`where there is ${what}, the command that installs it is named and nothing is left`, async () => {
      const home = join(place, `without ${what}`);
      const { status, err } = await outcome(fetching(home, pathOf(what, ...programs)));
      assert.equal(status, 1);
      assert.match(err, /apt-get update && apt-get install -y --no-install-recommends rbldnsd/);
      assert.equal(existsSync(join(home, SMALL)), false);
      assert.ok(!readdirSync(home).some((name) => name.startsWith('unpacking-')));
    });
  }
});

for (const name of ['alertmanager', 'alertmanager-next'] as const) {
  test(`${name} finds the template that it opens by absolute path, and nothing else does`, async (t) => {
    const file = '/usr/share/prometheus/alertmanager/default.tmpl';
    const installed = existsSync(file);
    const data = mkdtempSync(join(place, 'alertmanager-'));
    const config = join(data, 'alertmanager.yml');
    writeFileSync(config, 'route: { receiver: none }\nreceivers: [{ name: none }]\n');
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const flags = PARTS.alertmanager.flags({ config, data, listen: `127.0.0.1:${port}`, url });
    const running = start(name, await tool(name), flags);
    t.after(() => running.stop());
    // It reads the template before it is ready, and ends when there is none.
    await ready(running, `${url}/-/ready`);
    assert.equal(existsSync(file), installed);
  });
}

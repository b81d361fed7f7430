/** docker-compose.yml against a parser of Compose, against the local stack's own table, and against the files that it mounts. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { writeKeys } from '../demo/keys.ts';
import { loadConfig } from '../src/config.ts';
import { PARTS, type PartName } from '../stack/parts.ts';
import { tool } from '../stack/tools.ts';
import { folder } from './exporter.ts';

interface Service {
  image?: string;
  build?: string;
  command?: string[];
  ports: string[];
  volumes: string[];
  secrets?: string[];
  user: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  healthcheck?: { test: string[] };
  depends_on?: string[];
}
interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
  secrets: Record<string, { file: string }>;
}

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as Compose;
const services = Object.entries(compose.services);

const dockerCompose = await tool('docker-compose');

/** `docker-compose config` of a file: it needs no engine. */
function composed(text: string): Compose {
  const options = { encoding: 'utf8', stdio: 'pipe', input: text } as const;
  return parse(execFileSync(dockerCompose, ['-f', '-', 'config'], options)) as Compose;
}

test('Compose itself reads it, and would refuse a key that it does not know', () => {
  const text = readFileSync('docker-compose.yml', 'utf8');
  assert.deepEqual(Object.keys(composed(text).services).sort(), Object.keys(compose.services).sort());
  assert.throws(() => composed(text.replace('read_only', 'reed_only')), /reed_only/);
});

for (const [name, service] of services) {
  test(`${name}: hardened, health-checked, pinned, on loopback only`, () => {
    assert.match(service.user, /^[1-9]\d*:\d+$/, 'not root');
    assert.equal(service.read_only, true);
    assert.deepEqual(service.cap_drop, ['ALL']);
    assert.deepEqual(service.security_opt, ['no-new-privileges:true']);
    if (service.image) assert.match(service.image, /^[\w/-]+:v?\d+\.\d+\.\d+$/);
    else assert.match(readFileSync(join(service.build!, 'Dockerfile'), 'utf8'), /^HEALTHCHECK /m);
    if (service.image) assert.ok(service.healthcheck);
    for (const port of service.ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
    const data = service.volumes.filter((v) => !v.startsWith('.'));
    assert.equal(data.length, 1, 'its data lies in a volume');
    assert.ok(data[0]!.split(':')[0]! in compose.volumes);
    for (const mount of service.volumes.filter((v) => v.startsWith('.'))) {
      assert.ok(existsSync(mount.split(':')[0]!), mount);
      assert.match(mount, /:ro$/);
    }
    for (const other of service.depends_on ?? []) assert.ok(other in compose.services);
  });
}

for (const name of Object.keys(PARTS) as PartName[]) {
  test(`${name}: image, port and flags are the local stack's`, () => {
    const service = compose.services[name]!;
    const part = PARTS[name];
    assert.equal(service.image, 'image' in part ? part.image : undefined);
    assert.deepEqual(service.ports, [`127.0.0.1:${part.port}:${part.port}`]);
    const value = (flag: string) =>
      service.command!.find((c) => c.startsWith(`${flag}=`))?.slice(flag.length + 1) ?? '';
    const place = {
      config: value('--config.file'),
      data: value('--storage.path') || value('--storage.tsdb.path'),
      listen: `:${part.port}`,
      url: `http://localhost:${part.port}`,
    };
    assert.deepEqual([...service.command!].sort(), part.flags(place).sort());
    const mounted = (path: string) => service.volumes.some((v) => path.startsWith(`${v.split(':')[1]}`));
    assert.ok(mounted(place.config) && mounted(place.data), 'configuration and data are where they are mounted');
    const [host, inside] = service.volumes.find((v) => place.config.startsWith(`${v.split(':')[1]}/`))!.split(':') as [
      string,
      string,
    ];
    assert.ok(
      existsSync(join(host, place.config.slice(inside.length))),
      'the configuration file is in the folder that is mounted',
    );
  });
}

test('every secret is declared, and written by the command that the file names', (t) => {
  const directory = folder(t);
  writeKeys(directory);
  const used = new Set(services.flatMap(([, { secrets = [] }]) => secrets));
  assert.deepEqual([...used].sort(), Object.keys(compose.secrets).sort());
  for (const [name, { file }] of Object.entries(compose.secrets)) {
    assert.equal(file, `./secrets/${name}`);
    assert.ok(existsSync(join(directory, name)), `node demo/keys.ts writes ${name}`);
  }
  assert.match(readFileSync('.gitignore', 'utf8'), /^secrets\/$/m);
});

test('every secret that a configuration reads is mounted into its container', () => {
  for (const [name, file] of [
    ['exporter', 'config/deliverability-exporter.yml'],
    ['alertmanager', 'alertmanager/alertmanager.yml'],
  ] as const) {
    const read = [...readFileSync(file, 'utf8').matchAll(/\/run\/secrets\/([\w.-]+)/g)].map(([, secret]) => secret!);
    for (const secret of read.filter((s) => s !== ''))
      assert.ok(compose.services[name]!.secrets!.includes(secret), `${file} reads ${secret}`);
  }
});

test('the example configuration is good but for its secrets', async () => {
  await assert.rejects(loadConfig('config/deliverability-exporter.yml'), (e: Error) =>
    e.message.split('\n').every((line) => /the secret in file \/run\/secrets\/[\w.]+ cannot be read/.test(line)),
  );
});

test('image and development run the same Node', () => {
  const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const versions = [...readFileSync('Dockerfile', 'utf8').matchAll(/^FROM node:([\d.]+)-/gm)].map(([, v]) => v);
  assert.deepEqual(new Set(versions), new Set([devDependencies.node]));
});

test('Grafana reads what is mounted: provisioning and dashboards', () => {
  const { volumes } = compose.services.grafana!;
  const inside = (folder: string) => volumes.find((v) => v.startsWith(`${folder}:`))!.split(':')[1];
  assert.equal(inside('./grafana/provisioning'), '/etc/grafana/provisioning');
  const provider = parse(readFileSync('grafana/provisioning/dashboards/deliverability.yaml', 'utf8')) as {
    providers: { options: { path: string } }[];
  };
  assert.equal(provider.providers[0]!.options.path, inside('./dashboards'));
});

test('every service that a configuration speaks to is there, at the port that it listens on', () => {
  const speaking = ['prometheus/prometheus.yml', 'alertmanager/alertmanager.yml', 'grafana/provisioning/datasources'];
  const files = speaking.flatMap((path) =>
    path.endsWith('.yml') ? [path] : readdirSync(path).map((f) => join(path, f)),
  );
  // Who stands for people is the operator's to name; no part of this deployment.
  const theirs = ['people:8080', 'deadman:8080'];
  const spoken = files.flatMap((file) => {
    const text = JSON.stringify(parse(readFileSync(file, 'utf8')));
    return [...text.matchAll(/"(?:http:\/\/)?([a-z]+:\d+)[/"]/g)].map(([, host]) => host!);
  });
  const here = Object.entries(PARTS).map(([name, { port }]) => `${name}:${port}`);
  assert.deepEqual([...new Set(spoken)].sort(), [...here, ...theirs].sort());
});

test('the rules that Prometheus is told of are mounted where it looks', () => {
  const { volumes } = compose.services.prometheus!;
  const { rule_files } = parse(readFileSync('prometheus/prometheus.yml', 'utf8')) as { rule_files: string[] };
  assert.deepEqual(
    rule_files.map((glob) => posix.join('/etc/prometheus', glob)),
    ['/etc/rules/*.yml'],
  );
  assert.ok(volumes.includes('./prometheus:/etc/prometheus:ro') && volumes.includes('./rules:/etc/rules:ro'));
  assert.ok(readdirSync('rules').some((file) => file.endsWith('.yml')));
});

for (const promtool of ['promtool', 'promtool-next'] as const) {
  test(`${promtool} finds nothing in prometheus.yml, nor in the rules that it names`, async () => {
    const program = await tool(promtool);
    const checked = spawnSync(program, ['check', 'config', 'prometheus/prometheus.yml'], { encoding: 'utf8' });
    assert.equal(checked.status, 0, checked.stdout + checked.stderr);
    assert.match(checked.stdout, /Checking .*bounces\.yml/);
    assert.doesNotMatch(checked.stdout + checked.stderr, /FAILED|lint error|warn/i);
  });
}

test('the image is built from what is there, and from nothing else', () => {
  const dockerfile = readFileSync('Dockerfile', 'utf8');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files]) => files!.split(' '));
  const let_in = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'));
  assert.deepEqual(copied.sort(), let_in.map((line) => line.slice(1)).sort());
  for (const file of copied) assert.ok(existsSync(file), file);
});

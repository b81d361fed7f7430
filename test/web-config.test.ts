/** TLS and users of `--web.config.file`, with a real certificate over a real connection. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import bcrypt from 'bcryptjs';
import { loadWebConfig } from '../src/web-config.ts';
import { folder, startExporter } from './exporter.ts';

const PUSH = 'sources: { push: { auth: none } }';

test('people need a name and a password, senders their own credentials', async (t) => {
  const file = join(folder(t), 'web.yml');
  writeFileSync(file, `basic_auth_users: { sre: '${bcrypt.hashSync('open sesame', 4)}' }`);
  const exporter = await startExporter(t, { config: PUSH, flags: [`--web.config.file=${file}`] });
  const status = async (path: string, credentials?: string) =>
    (await fetch(exporter.url + path, credentials ? { headers: { authorization: `Basic ${btoa(credentials)}` } } : {}))
      .status;
  for (const path of ['/metrics', '/', '/-/ready']) {
    assert.equal(await status(path), 401, path);
    assert.equal(await status(path, 'sre:open sesame'), 200, path);
    assert.equal(await status(path, 'sre:open sesame'), 200, `${path} again, remembered`);
    assert.equal(await status(path, 'sre:open barley'), 401, path);
    assert.equal(await status(path, 'nobody:nobody'), 401, path);
  }
  assert.equal((await exporter.post('/-/reload', '')).status, 401);
  assert.equal((await exporter.post('/api/v1/events', '[]')).status, 200);
});

test('TLS', async (t) => {
  const directory = folder(t);
  const [key, cert, file] = ['key.pem', 'cert.pem', 'web.yml'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '1',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    ],
    { stdio: 'ignore' },
  );
  writeFileSync(file, 'tls_server_config: { cert_file: cert.pem, key_file: key.pem, min_version: TLS13 }');
  const exporter = await startExporter(t, { config: PUSH, flags: [`--web.config.file=${file}`] });
  const { port } = new URL(exporter.url);
  const answer = await new Promise<{ status?: number | undefined; protocol: string | null }>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/-/healthy', ca: readFileSync(cert) }, (response) => {
      response.resume();
      resolve({
        status: response.statusCode,
        protocol: (response.socket as import('node:tls').TLSSocket).getProtocol(),
      });
    })
      .on('error', reject)
      .end();
  });
  assert.deepEqual(answer, { status: 200, protocol: 'TLSv1.3' });
  await assert.rejects(fetch(`${exporter.url}/-/healthy`), 'plain HTTP gets no answer');
});

const BAD: [title: string, yaml: string, says: RegExp][] = [
  ['a plain password', 'basic_auth_users: { sre: hunter2 }', /basic_auth_users\.sre: must be a bcrypt hash/],
  ['a key that is none', 'tls_config: {}', /tls_config/],
  ['a certificate that is not there', 'tls_server_config: { cert_file: no.pem, key_file: no.pem }', /no such file/],
  [
    'a mode that would be weakened',
    'tls_server_config: { cert_file: a, key_file: b, client_auth_type: RequireAnyClientCert }',
    /is not supported here: use NoClientCert or RequireAndVerifyClientCert/,
  ],
];
for (const [title, yaml, says] of BAD) {
  test(`refused: ${title}`, (t) => {
    const file = join(folder(t), 'web.yml');
    writeFileSync(file, yaml);
    assert.throws(
      () => loadWebConfig(file),
      (e: Error) => e.name === 'ConfigError' && says.test(e.message) && !e.message.includes('hunter2'),
    );
  });
}

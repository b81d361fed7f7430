/** The replay command tells of saved posts and logs what the server would make of them, and of nobody who they are about. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { parse } from 'yaml';
import { replay } from '../src/replay.ts';
import { folder } from './exporter.ts';

interface Ended {
  code: number;
  out: string;
  err: string;
}

/** The real program. */
function run(args: string[], input = '', env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['src/main.ts', 'replay', ...args],
      { env: { ...process.env, ...env } },
      (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
    child.stdin!.end(input);
  });
}

function saved(t: TestContext, content: string | Buffer | object, name = 'saved'): string {
  const path = join(folder(t), name);
  writeFileSync(path, typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content));
  return path;
}

const POST = [
  { email: 'ana.smith@example.com', timestamp: 1795514395, ip: '192.0.2.1', event: 'delivered', sg_message_id: 'm1' },
  { event: 'group_resubscribe' },
  { event: 'teleport' },
  { event: 'ana.smith@example.com' },
  7,
  {
    email: 'ana.smith@example.com',
    timestamp: 1795514396,
    event: 'bounce',
    type: 'bounce',
    reason: '550 5.1.1 <ana.smith@example.com>: no such user ana.smith. see example.net/?to=ana.smith%40example.com',
    sg_message_id: 'm2',
    category: 'spring',
  },
  { email: 'ana.smith@example.com', timestamp: 1795514395, ip: '192.0.2.1', event: 'delivered', sg_message_id: 'm1' },
  { event: 'teleport' },
];

test('events, what was not counted and where it is, and the metrics that move', async (t) => {
  const { code, out } = await run(['--source', 'sendgrid', saved(t, POST)]);
  assert.equal(code, 0);
  assert.deepEqual(out.split('\n'), [
    'item 0    delivered    2026-11-24T09:59:55.000Z sending_ip=192.0.2.1 recipient_domain=example.com provider=other',
    'item 5    bounced      2026-11-24T09:59:56.000Z recipient_domain=example.com provider=other campaign=spring class=hard reason=invalid_recipient rule="generic/no-such-user" reply="550 5.1.1 <(address)>: no such user (name) see (address)"',
    'item 6    delivered    2026-11-24T09:59:55.000Z sending_ip=192.0.2.1 recipient_domain=example.com provider=other duplicate=true',
    '',
    '3 events, 1 ignored, 3 unknown, 1 invalid',
    '  ignored: item 1',
    '  unknown: teleport: item 2, item 7',
    '  unknown: (not a word): item 3',
    '  invalid: item 4',
    '',
    'metric changes',
    '  email_delivered_total{source="sendgrid",sending_domain="unknown",sending_ip="192.0.2.1",provider="other"} +1',
    '  email_bounced_total{source="sendgrid",sending_domain="unknown",sending_ip="unknown",provider="other",class="hard",reason="invalid_recipient"} +1',
    '  email_campaign_bounced_total{source="sendgrid",sending_domain="unknown",campaign="spring",class="hard"} +1',
    '  deliverability_exporter_events_total{source="sendgrid",result="counted"} +2',
    '  deliverability_exporter_events_total{source="sendgrid",result="duplicate"} +1',
    '  deliverability_exporter_events_total{source="sendgrid",result="ignored"} +1',
    '  deliverability_exporter_events_total{source="sendgrid",result="unknown"} +3',
    '  deliverability_exporter_events_total{source="sendgrid",result="invalid"} +1',
    '',
  ]);
});

test('the same as JSON: a line an event, then all else', async (t) => {
  const file = saved(t, POST);
  const { out } = await run(['--source', 'sendgrid', '--json', file]);
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.slice(0, -1).map(({ item, kind }) => [item, kind]),
    [
      [0, 'delivered'],
      [5, 'bounced'],
      [6, 'delivered'],
    ],
  );
  const { metrics, ...all } = lines.at(-1);
  assert.deepEqual(all, {
    events: 3,
    ignored: { count: 1, places: [{ file, item: 1 }] },
    unknown: [
      {
        word: 'teleport',
        count: 2,
        places: [
          { file, item: 2 },
          { file, item: 7 },
        ],
      },
      { word: '(not a word)', count: 1, places: [{ file, item: 3 }] },
    ],
    invalid: { count: 1, places: [{ file, item: 4 }] },
    notes: [],
  });
  assert.equal(metrics['deliverability_exporter_events_total{source="sendgrid",result="counted"}'], 2);
});

test('logs, by line, from a file, compressed or through a pipe, whatever their age', async (t) => {
  const log = [
    '2019-02-01T10:00:00Z mx postfix/qmgr[1]: 4XsKd32Xr9z1Tn: from=<news@example.org>, size=5, nrcpt=1 (queue active)',
    'noise',
    '2019-02-01T10:00:02Z mx postfix/smtp[1]: 4XsKd32Xr9z1Tn: to=<ana@gmail.com>, relay=x[192.0.2.9]:25, delay=2, dsn=2.0.0, status=sent (250 ok)',
    '2019-02-01T10:00:02Z mx postfix/smtp[1]: 4XsKd32Xr9z1Tn: to=<ana@gmail.com>, relay=x[192.0.2.9]:25, delay=2, dsn=2.0.0, status=vanished (250 ok)',
  ].join('\n');
  const expected =
    'line 3    delivered    2019-02-01T10:00:02.000Z sending_domain=example.org recipient_domain=gmail.com provider=google seconds=2';
  const ends = await Promise.all([
    run(['--source=postfix', saved(t, log)]),
    run(['--source=postfix', saved(t, gzipSync(log), 'mail.log.1.gz')]),
    run(['--source=postfix', saved(t, zstdCompressSync(log))]),
    run(['--source=postfix', '-'], log),
  ]);
  for (const { code, out } of ends) {
    assert.equal(code, 0);
    assert.equal(out.split('\n')[0], expected);
    assert.match(out, /^ {2}unknown: vanished: line 4$/m);
    assert.match(out, /^ {2}email_delivered_total\{.*provider="google"\} \+1$/m);
    assert.match(out, /events_total\{source="postfix",result="counted"\} \+1$/m);
  }
});

test('a source of the configuration brings its keys and names', async (t) => {
  const config = saved(t, 'sources:\n  esp: { type: sendgrid, auth: none, sending_domain: news.example.com }\n');
  const { out } = await run(['--source=esp', `--config.file=${config}`, saved(t, POST)]);
  assert.match(out, /^item 0 .* sending_domain=news\.example\.com /m);
  assert.match(out, /email_delivered_total\{source="esp",sending_domain="news\.example\.com"/);
});

test('items of forms and problems of the push API have their places too', async (t) => {
  const events = [{ event: 'open', ts: 1795514395, _id: 'x', msg: { email: 'ana@example.com' } }, { event: 'jump' }];
  const form = `mandrill_events=${encodeURIComponent(JSON.stringify(events))}`;
  assert.match((await run(['--source=mandrill', saved(t, form)])).out, /unknown: jump: item 1$/m);
  const pushed = [
    { id: '1', kind: 'delivered', at: 1 },
    { id: '2', kind: 'opened', at: 'noon' },
  ];
  const { out } = await run(['--source=push', saved(t, pushed)]);
  assert.match(out, /invalid: item 1 \(at must be a time: /);
});

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const PUBLIC = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');

test('with its headers a post is told to be genuine or not', async (t) => {
  const body = JSON.stringify(POST);
  const config = saved(
    t,
    `sources:\n  sendgrid: { public_keys: ["${PUBLIC}"] }\n  resend: { signing_secrets: [{ env: TEST_REPLAY }] }\n  brevo: { auth: { bearer: [{ env: TEST_REPLAY }] } }\n`,
  );
  const flags = [`--config.file=${config}`];
  const env = { TEST_REPLAY: `whsec_${Buffer.from('key').toString('base64')}` };
  const signature = sign('sha256', Buffer.from(`1795514397${body}`), privateKey).toString('base64');
  const lines = `POST /hooks/sendgrid HTTP/1.1\r\nX-Twilio-Email-Event-Webhook-Timestamp: 1795514397\r\n> X-Twilio-Email-Event-Webhook-Signature: ${signature}\r\n`;
  const headers = `--headers=${saved(t, lines)}`;
  const sendgrid = (more: string[], content = body) =>
    run(['--source=sendgrid', ...flags, ...more, saved(t, content)], '', env);
  const good = await sendgrid([headers]);
  assert.match(good.out, /^genuine, when it came at 2026-11-24T09:59:57\.000Z$/m);
  assert.equal(good.code, 0);
  assert.match((await sendgrid([])).out, /^whether it is genuine was not looked at/m);
  for (const bad of [
    await sendgrid([headers], `${body} `),
    await sendgrid([headers, '--at=2026-11-27T00:00:00Z']),
    await sendgrid([`--headers=${saved(t, { 'content-type': 'text/plain' })}`]),
  ]) {
    assert.match(bad.out, /^not genuine, and would be answered 401/m);
    assert.equal(bad.code, 1);
  }

  // A retry of Resend's is signed hours after its event, for five minutes.
  const event = JSON.stringify({ type: 'email.delivered', created_at: '2026-11-24T09:59:55Z', data: {} });
  const mac = createHmac('sha256', 'key').update(`msg_1.1795530000.${event}`).digest('base64');
  const svix = { 'svix-id': 'msg_1', 'Svix-Timestamp': '1795530000', 'svix-signature': `v1,${mac}` };
  const retried = ['--source=resend', ...flags, `--headers=${saved(t, svix)}`, saved(t, event)];
  assert.match((await run(retried, '', env)).out, /^genuine, when it came at 2026-11-24T14:20:00/m);

  const token = (value: string) => `--headers=${saved(t, `Authorization: Bearer ${value}`)}`;
  const brevo = (value: string) => run(['--source=brevo', ...flags, token(value), saved(t, '[]')], '', env);
  assert.match((await brevo(env.TEST_REPLAY)).out, /^genuine/m);
  assert.match((await brevo('guess')).out, /^not genuine/m);
});

describe('mistakes are told with what to do', () => {
  const cases: [args: (t: TestContext) => string[], message: RegExp][] = [
    [() => ['x'], /^say which source is to read it: --source NAME/],
    [() => ['--source=sendgrid'], /^name at least one FILE/],
    [() => ['--source=nobody', 'x'], /^there is no source "nobody": types are .*postfix/],
    [() => ['--source=sendgrid', '--sourse=x', 'x'], /--sourse.*--help lists the flags/],
    [() => ['--source=sendgrid', '/nowhere/x'], /^\/nowhere\/x cannot be read: ENOENT/],
    [() => ['--source=postfix', '/nowhere/x'], /^\/nowhere\/x cannot be read: ENOENT/],
    [() => ['--source=postfix', '/'], /^\/ cannot be read: EISDIR/],
    [(t) => ['--source=postfix', saved(t, Buffer.from('1f8b0800ff', 'hex'))], /cannot be read: /],
    [() => ['--source=sendgrid', '--headers=/nowhere/h', 'x'], /^the headers cannot be read/],
    [(t) => ['--source=sendgrid', `--headers=${saved(t, 'nothing')}`, 'x'], /holds no headers/],
    [(t) => ['--source=sendgrid', `--headers=${saved(t, '{no')}`, 'x'], /begin like a JSON object/],
    [(t) => ['--source=sendgrid', `--headers=${saved(t, 'a: b')}`, 'x', 'y'], /one at a time/],
    [(t) => ['--source=sendgrid', `--headers=${saved(t, 'a: b')}`, saved(t, '[]')], /no keys and no credentials/],
    [() => ['--source=sendgrid', '--at=noon', 'x'], /^--at is a time/],
    [() => ['--source=sendgrid', '--config.file=/nowhere/c', 'x'], /^\/nowhere\/c: cannot be read/],
    [(t) => ['--source=x', `--config.file=${saved(t, 'sources: { x: { type: y } }')}`, 'x'], /no source type "y"/],
  ];
  for (const [args, message] of cases) {
    test(String(message), async (t) => {
      await assert.rejects(
        replay(args(t), () => {}),
        { message },
      );
    });
  }

  test('by the program without a stack, and with an exit code', async () => {
    assert.deepEqual(await run(['--source=sendgrid', '/nowhere/x']), {
      code: 1,
      out: '',
      err: "/nowhere/x cannot be read: ENOENT: no such file or directory, open '/nowhere/x'\n",
    });
  });

  test('a body that is no post of that sender', async (t) => {
    const { code, out } = await run(['--source=sendgrid', saved(t, 'event=delivered&email=ana@example.com')]);
    assert.equal(code, 1);
    assert.match(out, /malformed, and would be answered 400: the body is not JSON: it must start with \[ or \{/);
    assert.doesNotMatch(out, /ana/);
  });

  test('--help', async () => {
    assert.match((await run(['--help'])).out, /^deliverability-exporter replay --source NAME/);
  });
});

describe('nobody is named by what is printed of the fixture of', () => {
  const fixtures = readdirSync('test/sources').filter((name) => name.endsWith('.yml'));
  for (const name of fixtures)
    test(name.slice(0, -4), async (t) => {
      const source = name.slice(0, -4);
      const fixture = parse(readFileSync(`test/sources/${name}`, 'utf8')) as Fixture;
      for (const one of fixture.cases) {
        const config = { ...(one.config ?? fixture.config), auth: 'none' };
        const flags = ['--source', source, `--config.file=${saved(t, { sources: { [source]: config } })}`];
        const files = (one.posts ?? [one]).map((body, i) => saved(t, bodyOf(body), String(i)));
        let printed = '';
        const write = (text: string) => {
          printed += files.reduce((rest, file) => rest.replaceAll(file, 'FILE'), text);
        };
        await replay([...flags, ...files], write);
        await replay([...flags, '--json', ...files], write);
        assert.match(printed, /metric changes/);
        const people = files.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/[\w.+=-]+(?=@|%40)/g)]);
        for (const [person] of people)
          assert.ok(!new RegExp(`(?<![\\w.-])${RegExp.escape(person)}(?:@|%40|=40)`, 'i').test(printed), person);
        assert.doesNotMatch(printed, /(?<![\w.-])(?:ana|ben|cyn)(?![\w.-])/i);
      }
    });
});

interface Fixture {
  config?: Record<string, unknown>;
  cases: (Record<string, unknown> & { config?: Record<string, unknown>; posts?: Record<string, unknown>[] })[];
}

function bodyOf({ json, form, body, file, stringify }: Record<string, unknown>): string | Buffer {
  if (form !== undefined) {
    const texts = Object.entries(form as object).map(([key, value]): [string, string] => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    return String(new URLSearchParams(texts));
  }
  if (file !== undefined) return readFileSync(`test/sources/${file}`);
  if (json === undefined) return String(body ?? '');
  const copy = structuredClone(json) as Record<string, unknown>;
  for (const key of (stringify as string[] | undefined) ?? []) copy[key] = JSON.stringify(copy[key]);
  return JSON.stringify(copy);
}

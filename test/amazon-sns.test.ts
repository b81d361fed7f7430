/** Amazon's certificate is fetched from Amazon alone, once, and only for our topics; a subscription confirms itself. */
import assert from 'node:assert/strict';
import { createSign, generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Post } from '../src/source.ts';
import type_, { open } from '../src/sources/amazon-ses.ts';
import { certificate } from './certificate.ts';

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:mail';
const URL_ = 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem';
const NOW = Date.parse('2026-11-24T10:00:00Z');
const DAY = 24 * 3600_000;
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = certificate(pair, new Date(NOW - 30 * DAY), new Date(NOW + 30 * DAY));

type Answer = () => Response | Promise<Response>;

/** A source, and what it asked the world for. */
function listen(answer: Answer = () => new Response(pem), certificates: string[] = []) {
  const asked: { url: string; redirect: string | undefined }[] = [];
  const fetcher = (async (url: string | URL, init?: RequestInit) => {
    asked.push({ url: String(url), redirect: init?.redirect });
    return answer();
  }) as typeof fetch;
  const source = open(type_.config.parse({ topics: [TOPIC], certificates }), fetcher);
  const accepts = async (post: Post, now = NOW) => {
    await source.prepare!(post, now);
    return source.authenticate!(post, now);
  };
  return { source, asked, accepts };
}

function message(more: Record<string, string> = {}, at = NOW): Post {
  const body: Record<string, string> = {
    Type: 'Notification',
    MessageId: 'id',
    TopicArn: TOPIC,
    Message: '{"eventType":"Send","mail":{"timestamp":"2026-11-24T09:59:55Z","messageId":"m"}}\n',
    Timestamp: new Date(at).toISOString(),
    SignatureVersion: '1',
    SigningCertURL: URL_,
    ...more,
  };
  const names = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
  const text = names.filter((name) => name in body).map((name) => `${name}\n${body[name]}\n`);
  const algorithm = body.SignatureVersion === '1' ? 'sha1' : 'sha256';
  body.Signature = createSign(algorithm).update(text.join('')).sign(pair.privateKey, 'base64');
  return { headers: {}, body: Buffer.from(JSON.stringify(body)) };
}

describe('certificates', () => {
  it('one is fetched once, without following redirects, for both signature versions', async () => {
    const { accepts, asked } = listen();
    const all = await Promise.all([accepts(message()), accepts(message({ SignatureVersion: '2' }))]);
    assert.deepEqual(all, [true, true]);
    assert.equal(await accepts(message()), true);
    assert.deepEqual(asked, [{ url: URL_, redirect: 'error' }]);
  });

  it('and again a day later', async () => {
    const { accepts, asked } = listen();
    await accepts(message());
    assert.equal(await accepts(message({}, NOW + DAY), NOW + DAY), true);
    assert.equal(asked.length, 2);
  });

  it('nothing is fetched from elsewhere, and nothing for a topic that is not ours', async () => {
    const { accepts, asked } = listen();
    for (const SigningCertURL of [
      'http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem',
      'https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem',
      'https://sns.eu-west-1.amazonaws.com.example.net/SimpleNotificationService-0a1b2c.pem',
      'https://example.net/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem',
      'https://sns.eu-west-1.amazonaws.com@example.net/SimpleNotificationService-0a1b2c.pem',
      'https://user@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem',
      'https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0a1b2c.pem',
      'https://sns.eu-west-1.amazonaws.com/x/../../bucket/own.pem',
      'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem?x=1',
      'https://127.0.0.1/SimpleNotificationService-0a1b2c.pem',
      'file:///etc/passwd',
      '',
    ])
      assert.equal(await accepts(message({ SigningCertURL })), false, SigningCertURL);
    assert.equal(await accepts(message({ TopicArn: 'arn:aws:sns:eu-west-1:999999999999:mail' })), false);
    assert.deepEqual(asked, []);
  });

  it("a topic of another customer's is refused, though Amazon has signed it, with certificates at hand too", async () => {
    const { accepts, asked } = listen(undefined, [pem]);
    assert.equal(await accepts(message()), true);
    assert.equal(await accepts(message({ TopicArn: 'arn:aws:sns:eu-west-1:999999999999:mail' })), false);
    assert.deepEqual(asked, []);
  });

  it('a certificate that has run out, or is not yet good, proves nothing', async () => {
    for (const [from, until] of [
      [NOW - 30 * DAY, NOW - DAY],
      [NOW + DAY, NOW + 30 * DAY],
    ] as const) {
      const { accepts } = listen(() => new Response(certificate(pair, new Date(from), new Date(until))));
      assert.equal(await accepts(message()), false);
    }
  });

  it('what is no certificate is refused, and not asked for again at once', async () => {
    const answers: Answer[] = [
      () => new Response('<html>'),
      () => new Response('', { status: 404 }),
      () => new Response(pem, { headers: { 'content-length': '999999' } }),
    ];
    for (const answer of answers) {
      const { accepts, asked } = listen(answer);
      assert.equal(await accepts(message()), false);
      assert.equal(await accepts(message(), NOW + 1000), false);
      assert.equal(asked.length, 1);
    }
  });

  it('when Amazon cannot be reached the sender is asked to come back, and then it passes', async () => {
    const answers: Answer[] = [
      () => Promise.reject(new TypeError('fetch failed')),
      () => new Response('', { status: 503 }),
      () => new Response(pem),
    ];
    const { accepts } = listen(() => answers.shift()!());
    await assert.rejects(accepts(message()));
    await assert.rejects(accepts(message()));
    assert.equal(await accepts(message()), true);
  });

  it('a flood of made-up certificates ends', async () => {
    const { accepts, asked } = listen(() => new Response('none'));
    let refused = 0;
    for (let i = 0; i < 200; i++)
      await accepts(message({ SigningCertURL: URL_.replace('0a1b2c', `f${i}`) })).catch(() => refused++);
    assert.ok(asked.length <= 64 && refused >= 136, `${asked.length} asked, ${refused} refused`);
  });
});

describe('subscriptions', () => {
  const SubscribeURL = 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=x&Token=t';
  const subscription = (more: Record<string, string> = {}) =>
    message({ Type: 'SubscriptionConfirmation', Token: 't', SubscribeURL, ...more });

  it('one to our topic is confirmed', async () => {
    const { source, asked, accepts } = listen();
    const post = subscription();
    assert.equal(await accepts(post), true);
    const parsed = source.parse(post, NOW);
    assert.equal(parsed.ignored, 1);
    assert.equal(asked.length, 1);
    await parsed.after!();
    assert.deepEqual(asked[1], { url: SubscribeURL, redirect: 'error' });
  });

  it('when that fails, SNS is asked to come back', async () => {
    const { source } = listen(() => new Response('', { status: 500 }));
    await assert.rejects(source.parse(subscription(), NOW).after!());
  });

  it('nothing else is called', () => {
    const { source } = listen();
    for (const more of [
      { TopicArn: 'arn:aws:sns:eu-west-1:999999999999:mail' },
      { SubscribeURL: 'https://example.net/?Action=ConfirmSubscription' },
      { SubscribeURL: 'http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription' },
      { SubscribeURL: 'https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic' },
      { SubscribeURL: 'no address' },
      { Type: 'UnsubscribeConfirmation' },
      { Type: 'Notification' },
    ])
      assert.equal(source.parse(subscription(more), NOW).after, undefined);
  });
});

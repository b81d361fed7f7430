import { createSign, generateKeyPairSync } from 'node:crypto';
import type { Post } from '../../src/source.ts';
import type { Signer } from './signer.ts';

const pairs = {
  a: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  b: generateKeyPairSync('rsa', { modulusLength: 2048 }),
};
const SIGNED = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'];

function changed(post: Post, edit: (body: Record<string, string>) => void): Post {
  const body = JSON.parse(post.body.toString());
  edit(body);
  return { headers: post.headers, body: Buffer.from(JSON.stringify(body)) };
}

export const signer: Signer = {
  config: (keys) => ({
    topics: ['arn:aws:sns:eu-west-1:123456789012:mail', 'arn:aws:sns:eu-west-1:123456789012:other'],
    certificates: keys.map((key) => pairs[key].publicKey.export({ format: 'pem', type: 'spki' }).toString()),
  }),
  sign: (post, at, key) =>
    changed(post, (body) => {
      body.Timestamp = new Date(at).toISOString();
      const algorithm = body.SignatureVersion === '1' ? 'sha1' : 'sha256';
      const text = SIGNED.filter((name) => name in body).map((name) => `${name}\n${body[name]}\n`);
      body.Signature = createSign(algorithm).update(text.join('')).sign(pairs[key].privateKey, 'base64');
    }),
  proof: [],
  window: { past: 2 * 3600_000, future: 600_000 },
  tamper: (post) => {
    const forgeries: Record<string, string | undefined>[] = [
      { MessageId: 'another' },
      { Subject: undefined },
      { Subject: 'Another' },
      { Timestamp: '2026-11-24T09:59:59.999Z' },
      { Type: 'SubscriptionConfirmation' },
      { Type: 'Else' },
      { TopicArn: 'arn:aws:sns:eu-west-1:123456789012:other' },
      { TopicArn: 'arn:aws:sns:eu-west-1:999999999999:mail' },
      { SignatureVersion: '1' },
      { SignatureVersion: '3' },
      { SignatureVersion: undefined },
      { Signature: undefined },
      { Signature: '' },
    ];
    const { Message } = JSON.parse(post.body.toString());
    return [
      ...forgeries.map((forged) => changed(post, (body) => Object.assign(body, forged))),
      changed(post, (body) => Object.assign(body, { Message: Message.replace('m1', 'm2') })),
      changed(post, (body) => Object.assign(body, { Message: `${Message}\n` })),
      // Raw delivery carries no signature.
      { headers: { ...post.headers, 'x-amz-sns-rawdelivery': 'true' }, body: Buffer.from(Message) },
      { headers: post.headers, body: Buffer.from('no JSON') },
    ];
  },
};

import { createHmac } from 'node:crypto';
import type { Post } from '../../src/source.ts';
import type { Signer } from './signer.ts';

const keys = { a: 'key-of-the-first', b: 'key-of-the-second' };
process.env.TEST_MAILGUN_A = keys.a;
process.env.TEST_MAILGUN_B = keys.b;
let tokens = 0;

interface Signature {
  timestamp: string;
  token: string;
  signature: string;
}

function changed(
  post: Post,
  edit: (body: { signature: Signature; 'event-data': Record<string, unknown> }) => void,
): Post {
  const body = JSON.parse(post.body.toString());
  edit(body);
  return { headers: post.headers, body: Buffer.from(JSON.stringify(body)) };
}

const other = (text: string) => `${text.slice(0, -1)}${text.endsWith('1') ? '2' : '1'}`;

export const signer: Signer = {
  config: (names) => ({ signing_keys: names.map((name) => ({ env: `TEST_MAILGUN_${name.toUpperCase()}` })) }),
  sign(post, at, key) {
    const timestamp = String(Math.floor(at / 1000));
    const token = `token-${tokens++}`;
    const signature = createHmac('sha256', keys[key]).update(timestamp).update(token).digest('hex');
    return changed(post, (body) => {
      body.signature = { timestamp, token, signature };
    });
  },
  proof: [],
  window: { past: 9 * 3600_000, future: 600_000 },
  // The event itself is not signed; a captured token must not serve for another one.
  tamper: (post) => {
    const { signature } = JSON.parse(post.body.toString());
    const { timestamp, token } = signature;
    const forgeries: object[] = [
      { ...signature, timestamp: other(timestamp) },
      { ...signature, token: other(token) },
      { ...signature, signature: other(signature.signature) },
      { ...signature, signature: '' },
      { timestamp, token },
      {},
    ];
    return [
      ...forgeries.map((forged) => changed(post, (body) => Object.assign(body, { signature: forged }))),
      changed(post, (body) => Object.assign(body, { signature: null })),
      changed(post, (body) => Object.assign(body['event-data'], { id: 'forged' })),
      { headers: post.headers, body: Buffer.from(`[${post.body},${post.body}]`) },
      { headers: post.headers, body: Buffer.from('no JSON') },
    ];
  },
};

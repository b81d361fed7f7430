/** The contract of `<name>.sign.ts`: posts signed as the foreign system would, with keys made in the test. */
import type { Post } from '../../src/source.ts';

export type Key = 'a' | 'b';
export type Signed = Post;

export interface Signer {
  /** The source's own configuration keys that trust exactly these keys. Secrets as `{ env: … }`, set by the signer. */
  config(keys: readonly Key[]): Record<string, unknown>;
  /** The post as the sender would send it at that moment (Unix milliseconds). */
  sign(post: Post, at: number, key: Key): Signed;
  /** Headers that prove the post. Empty when the proof is in the body; then `tamper` must attack it there. */
  proof: readonly string[];
  /** How old and how far ahead (milliseconds) a signature may be; absent where the scheme has no timestamp. */
  window?: { past: number; future: number };
  /** Forgeries of a signed post. Default: single bytes of the body changed. */
  tamper?(post: Signed): Post[];
}

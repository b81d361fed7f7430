/**
 * The body of a post becomes one buffer, taken from a pool and given back once the answer is out. A fresh buffer for each of many
 * large posts costs as much again as everything else about reading them: the kernel maps and clears its pages every time.
 */
import express, { type RequestHandler } from 'express';

/** Buffers are of these sizes; what is larger is not pooled. */
const SMALLEST = 1 << 12;
const LARGEST = 1 << 20;
/** Kept of each size, bytes. */
const KEPT = 32 * 1024 * 1024;

const pools = new Map<number, Buffer[]>();

function take(length: number): Buffer {
  if (length > LARGEST) return Buffer.allocUnsafeSlow(length);
  const size = Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(length)));
  return pools.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size);
}

function give(buffer: Buffer): void {
  const size = buffer.length;
  if (size > LARGEST) return;
  const pool = pools.get(size);
  if (!pool) pools.set(size, [buffer]);
  else if (pool.length * size < KEPT) pool.push(buffer);
}

/**
 * `limit` in bytes, after inflation. Whoever wants to keep bytes of `request.body` beyond the answer copies them. Bodies that are
 * compressed or come without a length are read by body-parser, whose errors this one's are alike.
 */
export function readBody(limit: number): RequestHandler {
  const other = express.raw({ type: () => true, limit });
  return (request, response, next) => {
    const length = Number(request.headers['content-length']);
    if (request.headers['content-encoding'] !== undefined || !(length > 0)) return other(request, response, next);
    if (length > limit) return next(Object.assign(new Error('request entity too large'), { type: 'entity.too.large' }));
    const buffer = take(length);
    let at = 0;
    request.on('data', (chunk: Buffer) => {
      at += chunk.copy(buffer, at);
    });
    request.once('end', () => {
      request.body = buffer.subarray(0, at);
      next();
    });
    response.once('close', () => {
      // A sender that hung up early never sees `end`; nothing waits for it then but the count of posts.
      if (request.body === undefined) next(Object.assign(new Error('request aborted'), { type: 'request.aborted' }));
      give(buffer);
    });
  };
}

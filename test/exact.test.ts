/** The exactness of the ledger across kills, on the small scale: bench/exact.ts with few of them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { exact } from '../bench/exact.ts';

test('killed under load five times, every acknowledged event is counted once', async () => {
  const result = await exact({ program: 'src/main.ts', kills: 5, seconds: 6, seed: 7 });
  assert.equal(result.kills, 5);
  assert.ok(result.acknowledged > 1000 && result.repeated > 0 && result.retried > 0, JSON.stringify(result));
  assert.equal(result.lost, 0);
  assert.equal(result.duplicated, 0);
  assert.equal(result.backwards, 0);
  assert.equal(result.counted, result.acknowledged);
});

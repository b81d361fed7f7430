/** Each remedy on the cases of its fixture: fit or why not, what is predicted, what would be done. No remedy without a fixture. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { parse } from 'yaml';
import { loadRemedies } from '../src/config.ts';
import type { Action } from '../src/incident.ts';
import { measureOf } from '../src/measure.ts';
import type { Case } from '../src/remedy.ts';
import { COSTS } from '../src/selection.ts';
import { aCase } from './remediation-parts.ts';
import { ISSUE_TYPES } from './rule-files.ts';

const FOLDER = join(import.meta.dirname, 'remedies');

interface Fixture extends Partial<Omit<Case, 'incident' | 'now' | 'before'>> {
  about: string;
  labels: Record<string, string>;
  now?: { level: number; samples?: number };
  before?: { level: number; samples?: number };
  unfit?: string;
  chance?: number;
  actions?: Action[];
  /** What is added with each look that shows no improvement. */
  further?: Action[][];
}

const remedies = await loadRemedies();

test('each remedy has a fixture, and each fixture a remedy', () => {
  const fixtures = readdirSync(FOLDER).map((file) => file.replace(/\.yml$/, ''));
  assert.deepEqual(fixtures.sort(), [...remedies.keys()].sort());
});

for (const [name, remedy] of remedies) {
  const fixtures = parse(readFileSync(join(FOLDER, `${name}.yml`), 'utf8')) as Fixture[];

  test(`${name}: what it says of itself holds together`, () => {
    assert.match(remedy.about, /^[A-Z].*\.$/);
    assert.ok(remedy.effectiveness > 0 && remedy.effectiveness < 1);
    assert.ok(remedy.effectIn > 0 && COSTS[remedy.cost] > 0);
    for (const issue of remedy.issues) {
      assert.ok(ISSUE_TYPES.includes(issue), issue);
      // What cannot be measured cannot be judged.
      assert.ok(measureOf({ issue_type: issue }), issue);
    }
    for (const other of remedy.conflicts) assert.ok(remedies.has(other) && other !== name, other);
    assert.ok(fixtures.some(({ unfit }) => unfit) && fixtures.some(({ unfit }) => !unfit), 'fit and unfit, both');
    const covered = new Set(fixtures.map(({ labels }) => labels.issue_type));
    for (const issue of remedy.issues) assert.ok(covered.has(issue), `no fixture for ${issue}`);
  });

  for (const { about, labels, unfit = '', chance, actions, further = [], ...rest } of fixtures)
    test(`${name}: ${about}`, () => {
      const it = aCase(labels, rest);
      assert.ok(remedy.issues.includes(it.issueType));
      if (unfit !== '') {
        assert.ok(remedy.unfit(it).includes(unfit), remedy.unfit(it));
        return;
      }
      assert.equal(remedy.unfit(it), '');
      const prediction = remedy.predict(it);
      assert.equal(Math.round(prediction.chance * 1e6) / 1e6, chance, prediction.because);
      assert.ok(prediction.because.length > 10);
      // Names of people's mail stay out of logs.
      for (const value of [...it.campaigns.map((one) => one.campaign), ...it.ips.map((one) => one.ip)])
        assert.ok(!prediction.because.includes(value));
      assert.deepEqual(remedy.actions(it), actions);
      const done = [...remedy.actions(it)];
      for (const wanted of further) {
        const more = remedy.next?.(done) ?? [];
        assert.deepEqual(more, wanted);
        done.push(...more);
      }
    });
}

/**
 * Whatever is killed, fails, lies about it or is told twice: no order is given that is not on disk, none is given again once it was undone,
 * and after the alert is resolved nothing is left in any system.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { loadRemedies } from '../src/config.ts';
import type { Incident } from '../src/incident.ts';
import type { Strategy } from '../src/remediation-config.ts';
import {
  anIncident,
  BOUNCES,
  Crash,
  engine,
  type Heard,
  HOUR,
  MINUTE,
  NOON,
  settingsFor,
  TestPrometheus,
  TestShelf,
  TestSystem,
} from './remediation-parts.ts';

const remedies = await loadRemedies();
const backOff = { ...remedies.get('back-off')!, issues: ['high_bounce_rate'] };

/** What a call comes to: `lost` is done and reported as failed, `killed` and `done and killed` end the program. */
const FATES = ['well', 'failed', 'lost', 'hangs', 'killed', 'done and killed'] as const;
type Fate = (typeof FATES)[number];

const EVENTS = ['nothing', 'resolve', 'false', 'off', 'on', 'worse', 'better', 'restart', 'kill at a change'] as const;

interface Step {
  minutes: number;
  event: (typeof EVENTS)[number];
  /** Of the calls that follow, in turn. */
  fates: Fate[];
  /** For `kill at a change`: which, and whether that one is on disk. */
  after: number;
  written: boolean;
}

const steps = fc.array(
  fc.record({
    minutes: fc.constantFrom(0, 1, 5, 31, 61, 24 * 60),
    event: fc.constantFrom(...EVENTS),
    fates: fc.array(fc.constantFrom(...FATES), { maxLength: 3 }),
    after: fc.integer({ min: 1, max: 6 }),
    written: fc.boolean(),
  }),
  { maxLength: 12 },
);

class World {
  readonly disk = new Map<string, string>();
  readonly mta = new TestSystem();
  readonly prometheus = new TestPrometheus();
  readonly clock = { now: NOON };
  readonly settings = settingsFor(
    { 'pause-campaigns': { remedy: remedies.get('pause-campaigns')! }, 'back-off': { remedy: backOff } },
    { prometheus: this.prometheus, actuators: { mta1: this.mta }, callTimeout: 1 },
  );
  fates: Fate[] = [];
  shelf = new TestShelf(this.disk);
  engine = engine(this.shelf, this.settings, this.clock).remediation;
  private readonly undone = new Set<string>();
  private readonly tries = new Map<string, number>();

  constructor() {
    this.mta.before = (call, order) => this.check(call, order.id);
    this.mta.after = () => {
      const fate = this.fates.shift() ?? 'well';
      if (fate === 'lost') throw new Error('the answer was lost');
      if (fate === 'done and killed') this.shelf.die();
    };
  }

  restart(): void {
    this.shelf.dead = true;
    this.shelf = new TestShelf(this.disk);
    this.engine = engine(this.shelf, this.settings, this.clock).remediation;
  }

  async tick(): Promise<void> {
    await this.engine.tick();
    if (this.shelf.dead) this.restart();
  }

  /** Whoever tells of it comes back until it is on disk. */
  async change(change: (incident: Incident) => void): Promise<void> {
    for (const { id } of this.shelf.all()) {
      try {
        await this.shelf.change(id, change);
      } catch (error) {
        assert.ok(error instanceof Crash);
        this.restart();
        await this.shelf.change(id, change);
      }
    }
  }

  async resolve(): Promise<void> {
    await this.change((incident) => {
      incident.resolved ??= this.clock.now;
    });
  }

  /** Rules that hold at each call. */
  private async check(call: Heard['call'], order: string): Promise<void> {
    assert.ok(!this.shelf.dead, 'the dead call nobody');
    const step = this.shelf
      .all()
      .flatMap(({ remedies }) => remedies.flatMap((one) => one.steps))
      .find((one) => one.order === order);
    assert.ok(step, 'the order is on disk');
    if (call === 'apply') {
      assert.ok('before' in step && step.tries > 0 && step.state === 'doing', 'what was before is on disk');
      assert.ok(!this.undone.has(order), 'what was undone is not done again');
      const mode = this.settings.strategies.get('pause-campaigns')!.mode;
      assert.equal(mode, 'enforce', 'nothing is done when it is off');
      this.tries.set(order, (this.tries.get(order) ?? 0) + 1);
      assert.ok(this.tries.get(order)! <= 3, 'three tries at most, crashes included');
    }
    if (call === 'undo') {
      assert.equal(step.state, 'undoing');
      this.undone.add(order);
    }
    const [fate] = this.fates;
    if (fate === 'failed' || fate === 'killed' || fate === 'hangs') this.fates.shift();
    if (fate === 'failed') throw new Error('connection refused');
    if (fate === 'killed') this.shelf.die();
    if (fate === 'hangs') await new Promise(() => {});
  }
}

async function happen(world: World, { minutes, event, fates, after, written }: Step): Promise<void> {
  world.clock.now += minutes * MINUTE;
  world.fates.push(...fates);
  const mode = (value: Strategy['mode']) => {
    for (const strategy of world.settings.strategies.values()) strategy.mode = value;
  };
  if (event === 'resolve') await world.resolve();
  if (event === 'false')
    await world.change((incident) => {
      incident.verdict = { verdict: 'false_positive', at: world.clock.now };
    });
  if (event === 'off') mode('off');
  if (event === 'on') mode('enforce');
  if (event === 'worse') world.prometheus.level = 0.5;
  if (event === 'better') world.prometheus.level = 0.01;
  if (event === 'restart') world.restart();
  if (event === 'kill at a change') world.shelf.crash = { after, written };
  await world.tick();
}

test('whatever happens, nothing is forgotten and nothing is left', { timeout: 240_000 }, async () => {
  let orders = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const world = new World();
      const failures: unknown[] = [];
      const checked = world.mta.before;
      world.mta.before = async (...call) => {
        try {
          await checked(...call);
        } catch (error) {
          if (error instanceof assert.AssertionError) failures.push(error);
          throw error;
        }
      };
      for (const labels of [BOUNCES, { ...BOUNCES, sending_domain: 'shop.example.com' }])
        world.shelf.put(anIncident(labels));
      for (const step of script) await happen(world, step);
      world.shelf.crash = undefined;
      world.fates = [];
      await world.resolve();
      for (let hour = 0; hour < 3; hour++) {
        world.clock.now += HOUR;
        await world.tick();
      }
      assert.deepEqual(failures, []);
      assert.equal(world.mta.applied.size, 0, 'nothing is left');
      for (const { remedies } of world.shelf.all())
        for (const { outcome, steps } of remedies) {
          orders += steps.length;
          assert.notEqual(outcome, 'pending');
          for (const { state } of steps) assert.ok(['undone', 'failed'].includes(state), state);
        }
      assert.deepEqual(world.shelf.open(), []);
    }),
    { numRuns: 400 },
  );
  assert.ok(orders > 200, `${orders} orders are too few to have tried anything`);
});

/** Every change and every call of an undisturbed run, one after the other: the program dies there. */
test('killed at any one point, before or after it is on disk', async () => {
  for (const written of [false, true])
    for (let after = 1; after < 40; after++) {
      const world = new World();
      world.shelf.put(anIncident(BOUNCES));
      world.shelf.crash = { after, written };
      const dead = world.shelf;
      for (const minutes of [0, 31, 31, 1]) {
        world.clock.now += minutes * MINUTE;
        await world.tick();
        await world.tick();
      }
      await world.resolve();
      for (let n = 0; n < 3; n++) {
        world.clock.now += HOUR;
        await world.tick();
      }
      assert.equal(world.mta.applied.size, 0, `${after} ${written}`);
      assert.deepEqual(world.shelf.open(), [], `${after} ${written}`);
      if (!dead.dead) {
        assert.ok(after > 8, 'there was hardly a point to die at');
        break;
      }
    }
});

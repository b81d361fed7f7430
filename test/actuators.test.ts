/**
 * Every actuator against its fixture, and the directory as the registry: `test/actuators/<name>.yml` is that of
 * `src/actuators/<name>.ts`, and docs/actuators.md has a section `## <name>`; one without the others fails. Its keys:
 *
 *     config: { … }            # own keys, as in the configuration file
 *     refuses:                 # actions, with part of what it says to them; '' where it would do it
 *       - { verb: pause, reach: { … }, because: '' }
 *     invalid:                 # keys that are laid over `config`, and part of what is said about them
 *       - { config: { … }, says: … }
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import type { ActuatorType } from '../src/actuator.ts';
import type { Action } from '../src/incident.ts';

process.env.ACTUATOR_SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
process.env.ACTUATOR_KEY = 'AKIDEXAMPLE';

interface Fixture {
  config: Record<string, unknown>;
  refuses: (Action & { because: string })[];
  invalid: { config: Record<string, unknown>; says: string }[];
}

const named = (directory: string, ending: RegExp) =>
  readdirSync(directory)
    .filter((file) => ending.test(file))
    .map((file) => file.replace(ending, ''));

const types = named('src/actuators', /\.ts$/);
const page = readFileSync('docs/actuators.md', 'utf8');

test('each actuator has its fixture and its section, and they have it', () => {
  assert.ok(types.length > 0);
  assert.deepEqual(named('test/actuators', /\.yml$/).sort(), types.sort());
  const sections = [...page.matchAll(/^## (\S+)$/gm)].map(([, name]) => name!);
  assert.deepEqual(sections.sort(), types.sort());
  for (const type of types) assert.match(page, new RegExp(`^\\| \\[\`${type}\`\\]\\(#${type}\\)`, 'm'));
});

for (const type of types) {
  const fixture = parse(readFileSync(`test/actuators/${type}.yml`, 'utf8')) as Fixture;
  const { default: plugin } = (await import(`../src/actuators/${type}.ts`)) as { default: ActuatorType };
  describe(type, () => {
    for (const { because, ...action } of fixture.refuses)
      test(`${because === '' ? 'does' : 'refuses'} ${JSON.stringify(action)}`, () => {
        const actuator = plugin.open(plugin.config.parse(fixture.config) as never);
        const said = actuator.refuses(action);
        if (because === '') assert.equal(said, '');
        else assert.ok(said.includes(because), said);
      });

    test('its verbs are those that it does', () => {
      const does = fixture.refuses.filter(({ because }) => because === '').map(({ verb }) => verb);
      const configured = (fixture.config.verbs ?? plugin.verbs) as string[];
      assert.deepEqual([...new Set(does)].sort(), [...configured].sort());
      for (const verb of does) assert.ok(plugin.verbs.includes(verb));
    });

    for (const { config, says } of fixture.invalid)
      test(`is not configured with ${JSON.stringify(config)}`, () => {
        const { error } = plugin.config.safeParse({ ...fixture.config, ...config });
        assert.ok(error, 'it was taken');
        assert.ok(error.message.includes(says), error.message);
        assert.ok(!error.message.includes(process.env.ACTUATOR_SECRET!));
      });

    test('an order that it refuses is not begun', async () => {
      const actuator = plugin.open(plugin.config.parse(fixture.config) as never);
      const { because, ...action } = fixture.refuses.find(({ because }) => because !== '')!;
      const order = { id: 'o1', action, reason: 'high_bounce_rate', until: Date.now() + 3600_000 };
      await assert.rejects(async () => {
        const before = await actuator.prepare(order, AbortSignal.timeout(5000));
        await actuator.apply(order, before, AbortSignal.timeout(5000));
      }, new RegExp(because));
    });

    test('every key is described, and the page has a complete example', () => {
      const json = z.toJSONSchema(plugin.config, { unrepresentable: 'any', io: 'input' }) as {
        properties: Record<string, { description?: string }>;
      };
      for (const [key, { description }] of Object.entries(json.properties)) assert.ok(description, key);
      const section = page.split(/^## /m).find((text) => text.startsWith(`${type}\n`))!;
      const [, example = ''] = /```yaml\n(remediation:.*?)```/s.exec(section) ?? [];
      const { actuators } = (parse(example) as { remediation: { actuators: Record<string, Record<string, unknown>> } })
        .remediation;
      const [name, written] = Object.entries(actuators)[0]!;
      const { type: said = name, ...own } = written;
      assert.equal(said, type);
      const secrets = (value: unknown): unknown =>
        value !== null && typeof value === 'object' && 'file' in value ? { env: 'ACTUATOR_SECRET' } : value;
      const readable = Object.fromEntries(Object.entries(own).map(([key, value]) => [key, secrets(value)]));
      plugin.config.parse(readable);
    });
  });
}

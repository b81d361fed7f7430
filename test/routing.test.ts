/**
 * people.yml, and what is built from it, against the whole matrix of who is to hear of what at which hour; by a model of
 * Alertmanager that test/routing-live.test.ts holds against the real one.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { built, FILES, type File } from '../alertmanager/build.ts';
import { type People, readPeople } from '../alertmanager/people.ts';
import { cells, DOC, labels, printed, told, type Window } from './routing-matrix.ts';
import { type Config, openIntervals, receiversOf } from './routing-model.ts';

const ROOT = join(import.meta.dirname, '..');
const TEXT = readFileSync(join(ROOT, 'alertmanager/people.yml'), 'utf8');
const shipped = readPeople(TEXT);
const configOf = (people: People) => parse(built('alertmanager/alertmanager.yml', people)) as Config;

test('what is loaded is what people.yml makes', () => {
  for (const file of Object.keys(FILES) as File[]) {
    assert.equal(readFileSync(join(ROOT, file), 'utf8'), built(file, shipped), `${file}: npm run routes`);
  }
});

test('the table in the documentation is the one that is tested', () => {
  assert.equal(readFileSync(DOC, 'utf8'), printed(), 'node test/routing-matrix.ts writes it');
});

/** Moments in the shipped hours: Monday to Friday, 8 to 18 h UTC. */
const MOMENTS: Record<Window, string> = {
  'business hours': '2026-11-24T12:00:00Z',
  'after hours': '2026-11-24T22:00:00Z',
  weekends: '2026-11-28T12:00:00Z',
};

for (const [window, moment] of Object.entries(MOMENTS) as [Window, string][]) {
  test(`${window}: every severity, issue and tier reaches whom it should, once by each open channel`, () => {
    const config = configOf(shipped);
    const all = cells();
    assert.equal(all.length, 5 * 13 * 6);
    for (const cell of all) {
      const found = receiversOf(config, labels(cell), new Date(moment));
      // Not people: the exporter hears of every issue of mail, whatever the hour.
      const people = found.filter((receiver) => receiver !== 'exporter');
      assert.equal(found.length - people.length, cell.issue_type === '' ? 0 : 1, JSON.stringify(cell));
      assert.deepEqual(
        people.map((name) => name.replace(/-(\w+)$/, '/$1')).sort(),
        told(cell, window),
        JSON.stringify(cell),
      );
    }
  });
}

test('an alert of somebody else is never lost, and the Watchdog wakes nobody', () => {
  const config = configOf(shipped);
  const at = new Date(MOMENTS.weekends);
  for (const severity of ['warning', 'page', '']) {
    assert.deepEqual(
      receiversOf(config, { alertname: 'NodeDown', severity }, at),
      ['ops-email', 'ops-pager'],
      severity,
    );
  }
  const both = { severity: 'warning', issue_type: 'high_bounce_rate' };
  assert.deepEqual(
    receiversOf(config, both, at).filter((name) => name.endsWith('-email')),
    ['ops-email', 'email-email', 'data-quality-email'],
  );
  assert.deepEqual(receiversOf(config, { alertname: 'Watchdog', severity: 'info' }, at), ['deadman']);
});

// --- Hours ---------------------------------------------------------------------------------------------------------------

const HOURS: readonly (readonly [zone: string, moments: readonly (readonly [at: string, window: Window])[]])[] = [
  [
    'UTC',
    [
      ['2026-11-23T00:00:00Z', 'after hours'], // Monday begins.
      ['2026-11-23T07:59:59Z', 'after hours'],
      ['2026-11-23T08:00:00Z', 'business hours'],
      ['2026-11-23T17:59:59Z', 'business hours'],
      ['2026-11-23T18:00:00Z', 'after hours'],
      ['2026-11-23T23:59:59Z', 'after hours'],
      ['2026-11-27T17:59:59Z', 'business hours'], // Friday.
      ['2026-11-27T18:00:00Z', 'after hours'],
      ['2026-11-27T23:59:59Z', 'after hours'],
      ['2026-11-28T00:00:00Z', 'weekends'],
      ['2026-11-28T12:00:00Z', 'weekends'],
      ['2026-11-29T23:59:59Z', 'weekends'],
      ['2026-11-30T00:00:00Z', 'after hours'],
    ],
  ],
  [
    // Summer time from 29 March to 25 October 2026.
    'Europe/Berlin',
    [
      ['2026-03-27T06:59:59Z', 'after hours'], // 7:59 in winter
      ['2026-03-27T07:00:00Z', 'business hours'],
      ['2026-03-28T22:59:59Z', 'weekends'],
      ['2026-03-29T01:00:00Z', 'weekends'], // The hour that is not there.
      ['2026-03-29T21:59:59Z', 'weekends'], // A Sunday of 23 hours.
      ['2026-03-29T22:00:00Z', 'after hours'],
      ['2026-03-30T05:59:59Z', 'after hours'],
      ['2026-03-30T06:00:00Z', 'business hours'], // 8:00 in summer
      ['2026-03-30T15:59:59Z', 'business hours'],
      ['2026-03-30T16:00:00Z', 'after hours'],
      ['2026-10-25T22:59:59Z', 'weekends'], // A Sunday of 25 hours.
      ['2026-10-25T23:00:00Z', 'after hours'],
      ['2026-10-26T06:59:59Z', 'after hours'],
      ['2026-10-26T07:00:00Z', 'business hours'],
    ],
  ],
  [
    'America/New_York',
    [
      ['2026-11-24T12:59:59Z', 'after hours'],
      ['2026-11-24T13:00:00Z', 'business hours'],
      ['2026-11-24T22:59:59Z', 'business hours'],
      ['2026-11-28T04:59:59Z', 'after hours'], // Still Friday there.
      ['2026-11-28T05:00:00Z', 'weekends'],
      ['2026-11-30T04:59:59Z', 'weekends'],
    ],
  ],
  [
    'Asia/Kathmandu', // UTC+5:45
    [
      ['2026-11-24T02:14:59Z', 'after hours'],
      ['2026-11-24T02:15:00Z', 'business hours'],
      ['2026-11-27T18:14:59Z', 'after hours'],
      ['2026-11-27T18:15:00Z', 'weekends'],
    ],
  ],
];

for (const [time_zone, moments] of HOURS) {
  test(`the edges of hours in ${time_zone}`, () => {
    const config = configOf({ ...shipped, hours: { ...shipped.hours, time_zone } });
    for (const [at, window] of moments) {
      assert.deepEqual(openIntervals(config, new Date(at)), [window.replace(' ', '-')], at);
    }
  });
}

test('at every minute of a week exactly one of the hours is, whatever days and times are chosen', () => {
  const chosen: People['hours'][] = [
    shipped.hours,
    {
      time_zone: 'Africa/Cairo',
      business: { days: ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday'], from: '09:30', to: '17:15' },
    },
    { time_zone: 'UTC', business: { days: ['monday'], from: '00:00', to: '24:00' } },
    { time_zone: 'UTC', business: { days: [], from: '08:00', to: '18:00' } },
    {
      time_zone: 'UTC',
      business: {
        days: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'],
        from: '00:00',
        to: '08:00',
      },
    },
  ];
  for (const hours of chosen) {
    const config = configOf({ ...shipped, hours });
    const start = Date.parse('2026-04-20T00:00:00Z'); // Cairo's clocks go forward on Friday, 24 April.
    for (let minute = 0; minute < 7 * 24 * 60; minute += 15) {
      const at = new Date(start + minute * 60_000);
      assert.equal(openIntervals(config, at).length, 1, `${at.toISOString()} ${JSON.stringify(hours)}`);
    }
  }
});

// --- People --------------------------------------------------------------------------------------------------------------

test('an address that two teams share is told once', () => {
  const people = structuredClone(shipped);
  people.teams.email!.email = ['ops@example.com', 'second@example.com'];
  delete people.stand_in;
  const config = configOf(people);
  const at = new Date(MOMENTS['after hours']);
  const mails = (severity: string) =>
    receiversOf(config, { severity, issue_type: 'low_inbox_rate' }, at)
      .filter((name) => name.endsWith('-email'))
      .flatMap((name) => config.receivers.find((one) => one.name === name)!.email_configs as { to: string }[])
      .map(({ to }) => to)
      .sort();
  assert.deepEqual(mails('high'), ['ops@example.com', 'second@example.com']);
  assert.deepEqual(mails('medium'), ['ops@example.com', 'second@example.com']);
  assert.deepEqual(mails('critical'), ['management@example.com', 'on-call@example.com', 'ops@example.com']);
});

const WRONG: readonly (readonly [change: readonly [string, string], says: RegExp])[] = [
  [['critical: [ops,', 'critical: [opps,'], /routes\.severity\.critical: there is no team opps/],
  [['info: [monitoring]', 'info: [ops]'], /teams\.monitoring: no route leads to it/],
  [['  testing: [dev]', '  testing: [dev]\n    staging: [dev]'], /routes\.tier\.staging: tiers has no such tier/],
  [['time_zone: UTC', 'time_zone: Mars/Olympus'], /hours\.time_zone: no time zone of that name/],
  [["from: '08:00'", "from: '8'"], /hours\.business\.from: a time is HH:MM/],
  [["from: '08:00'", "from: '19:00'"], /hours\.business: from < to/],
  [
    ['webhook: https://monitoring.example.com/email-alerts', "slack: '#x'"],
    /info: nobody of monitoring is reached in after hours/,
  ],
  [['    info: [monitoring]\n', ''], /routes\.severity\.info/],
  [['channels:', 'chanels:'], /chanels/],
  [['192.0.2.200]', "'a|b']"], /tiers\.testing\.1: a domain, an IP or a source/],
];

for (const [[from, to], says] of WRONG) {
  test(`people.yml with ${JSON.stringify(to.trim())} is refused in words`, () => {
    assert.ok(TEXT.includes(from));
    assert.throws(() => readPeople(TEXT.replace(from, to)), says);
  });
}

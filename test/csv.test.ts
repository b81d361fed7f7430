/** Records of CSV come out as they went in, however they are cut into runs of lines, and their header outlives a restart. */
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { Records } from '../src/csv.ts';
import type { MailEvent } from '../src/event.ts';
import powermta from '../src/sources/powermta.ts';
import { type Position, type Tail, tail } from '../src/tail.ts';

const NAMES = ['type', 'a', 'b', 'c'];
const dialect = { header: /^(?=type,)/, begin: /^x,/, columns: [] };

/** The fields of each record, run after run. */
function readAll(runs: Buffer[], headers = {}): { rows: string[][]; invalid: number } {
  const records = new Records(dialect);
  const rows: string[][] = [];
  let invalid = 0;
  for (const body of runs) {
    records.read({ headers, body }, () => rows.push(NAMES.map((name) => records.field(name))));
    invalid += records.invalid;
  }
  return { rows, invalid };
}

describe('records of CSV', () => {
  const character = fc.constantFrom('"', '""', ',', '\n', 'x', ' ', 'ü', '😀', '#', '\ufeff');
  const field = fc.oneof(
    fc.array(character, { maxLength: 6 }).map((all) => all.join('')),
    fc.string({ unit: 'grapheme', maxLength: 10 }).map((all) => all.replaceAll('\r', '')),
  );
  /** No field here has a line that begins as a record does; that a record's begin wins is a case of its own. */
  const rows = fc.array(
    fc.tuple(field, field, field).filter((all) => !all.some((one) => /\n\ufeff?(x|type),/.test(one))),
  );
  const written = (row: readonly string[], eol: string): string =>
    `x,${row.map((one) => (/[",\n]/.test(one) ? `"${one.replaceAll('"', '""').replaceAll('\n', eol)}"` : one)).join(',')}${eol}`;

  it('are read as they were written, over any number of runs of whole lines', () => {
    fc.assert(
      fc.property(rows, fc.constantFrom('\n', '\r\n'), fc.infiniteStream(fc.boolean()), (given, eol, cuts) => {
        const text = `\ufeff${NAMES.join(',')}${eol}${given.map((row) => written(row, eol)).join('')}`;
        const runs: string[] = [''];
        for (const line of text.split(/(?<=\n)/)) {
          if (cuts.next().value) runs.push('');
          runs[runs.length - 1] += line;
        }
        // a byte order mark at the begin of a line is none of a field's characters
        const expected = given.map((row) => ['x', ...row.map((one) => one.replaceAll('\n\ufeff', '\n'))]);
        assert.deepEqual(readAll(runs.map((run) => Buffer.from(run))), { rows: expected, invalid: 0 });
      }),
    );
  });

  it('cost themselves alone when broken', () => {
    const body = Buffer.from(
      'type,a,b,c\nx,1,"2,3\nstray\nx,4,5,6\nx,too,few\nx,7,"8"junk,9\nx,10,1"1,12\n"x",13,14,15\n',
    );
    assert.deepEqual(readAll([body]), {
      rows: [
        ['x', '4', '5', '6'],
        ['x', '7', '8', '9'],
        ['x', '10', '1"1', '12'],
        ['x', '13', '14', '15'],
      ],
      invalid: 2,
    });
  });

  it('do not grow without end', () => {
    const endless = Buffer.from(`type,a,b,c\nx,"${'long\n'.repeat(30_000)}`);
    const wide = Buffer.from(`${'type,'.repeat(300)}\n${','.repeat(10_000)}\nx,1,2,3\n`);
    // given up on the way, so that the lines behind are none of its own
    const { rows, invalid } = readAll([endless]);
    assert.deepEqual(rows, []);
    assert.ok(invalid > 10_000, `${invalid} invalid`);
    assert.deepEqual(readAll([endless, wide]).rows, [['x', '1', '2', '3']]);
  });

  it('have the first of two columns with one name', () => {
    assert.deepEqual(readAll([Buffer.from('type,a,b,c,a\nx,1,2,3,4\n')]).rows, [['x', '1', '2', '3']]);
  });

  it('come inside JSON when the post says so', () => {
    const json = [{ message: 'type,a,b,c' }, { log: 'x,"1\n2",3,4' }, 'x,5,6,7', { other: 1 }, null];
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    assert.deepEqual(readAll([Buffer.from(JSON.stringify(json))], headers), {
      rows: [
        ['x', '1\n2', '3', '4'],
        ['x', '5', '6', '7'],
      ],
      invalid: 2,
    });
  });
});

describe('a followed accounting file', () => {
  let folder: string;
  let path: string;
  let running: Tail | undefined;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'csv-'));
    path = join(folder, 'acct.csv');
  });
  afterEach(async () => {
    await running?.stop();
    await rm(folder, { recursive: true });
  });

  const HEADER = 'type,timeLogged,rcpt,dsnDiag,orig\n';
  const row = (i: number, diagnostic = `"smtp;450-4.2.0 first\r\n450 4.2.0 number ${i}"`): string =>
    `t,${1_795_510_800 + i},u@example.net,${diagnostic},b@example.com\n`;
  const number = (event: MailEvent): number => event.at / 1000 - 1_795_510_800;

  /** Follows until `wanted` events and invalid records came, then stops, as killed: only the position outlives it. */
  async function follow(wanted: number, start?: Position, chunkBytes = 1000) {
    const source = powermta.open(powermta.config.parse({ time_zone: 'UTC' }));
    const seen: { events: MailEvent[]; invalid: number; position: Position | undefined; problems: string[] } = {
      events: [],
      invalid: 0,
      position: start,
      problems: [],
    };
    await new Promise<void>((resolve) => {
      const parse = (body: Buffer) => source.parse({ headers: {}, body }, 1_795_514_400_000);
      running = tail({
        path,
        start,
        interval: 5,
        chunkBytes,
        learn: (body) => void parse(body),
        deliver: async (body, position) => {
          const parsed = parse(body);
          seen.events.push(...parsed.events);
          seen.invalid += parsed.invalid;
          seen.position = position;
          if (seen.events.length + seen.invalid >= wanted) resolve();
        },
        report: (message) => seen.problems.push(message),
      });
    });
    await running!.stop();
    return seen;
  }

  it('keeps its header over runs and restarts, and has a new one when it is rotated', async () => {
    await writeFile(
      path,
      HEADER +
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
          .map((i) => row(i))
          .join('')
          .repeat(5),
    );
    const first = await follow(50);
    assert.equal(first.invalid, 0);
    assert.equal(new Set(first.events.map((event) => event.id)).size, 10);

    // killed between the two lines of a record
    const cut = row(10);
    const at = cut.indexOf('\n') + 1;
    await appendFile(path, row(11, 'smtp;450 no') + cut.slice(0, at));
    const second = await follow(1, first.position);
    await appendFile(path, cut.slice(at));
    const third = await follow(1, second.position);
    assert.deepEqual([...second.events, ...third.events].map(number), [11, 10]);
    assert.equal(third.events[0]?.kind === 'deferred' && third.events[0].reply, '450-4.2.0 first\n450 4.2.0 number 10');

    await appendFile(path, row(12));
    await rename(path, join(folder, 'acct-2026-11-24-0000.csv'));
    await writeFile(path, 'type,orig,dsnDiag,rcpt,timeLogged\nt,b@example.com,smtp;450 no,u@example.org,1795510813\n');
    const fourth = await follow(2, third.position);
    assert.deepEqual(fourth.events.map(number), [12, 13]);
    assert.deepEqual(
      fourth.events.map((event) => [event.sendingDomain, event.recipientDomain]),
      [
        ['example.com', 'example.net'],
        ['example.com', 'example.org'],
      ],
    );
  });

  it('knows its header however far in front of the position that stands', async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => row(i));
    await writeFile(path, HEADER + rows.join(''));
    const first = await follow(rows.length, undefined, 65_536);
    assert.ok(first.position!.offset > 4.5 * 1024 * 1024, `${first.position!.offset} bytes, and 4 MiB are shown again`);
    await appendFile(path, row(60_000) + row(60_001, 'smtp;450 no'));
    const second = await follow(2, first.position);
    assert.deepEqual([second.events.map(number), second.invalid], [[60_000, 60_001], 0]);
  });

  it('tells of every record that it cannot read because there is no header', async () => {
    await writeFile(path, row(0, 'smtp;450 no') + row(1, 'smtp;450 no'));
    const { events, invalid } = await follow(2);
    assert.deepEqual([events.length, invalid], [0, 2]);
  });
});

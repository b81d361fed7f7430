/** Imports point one way, and nothing in the tree knows of a machine or a registry. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

/** What the files of a plural folder may import of `src/`, beside each other's folder not at all. */
const ALLOWED: Record<string, readonly string[]> = {
  sources: [
    'source',
    'event',
    'reply',
    'mailbox-provider',
    'foreign',
    'json-array',
    'signature',
    'time',
    'secret',
    'syslog',
    'recent',
    'reading',
    'campaign',
    'content',
    'csv',
    'amazon-sns',
  ],
  'reply-rules': ['reply-rules', 'event', 'reply'],
  checks: [
    'answer-text',
    'check',
    'reading',
    'blocklist',
    'blocklist-name',
    'blocklist-verdict',
    'zone-health',
    'dns-check',
    'dmarc-record',
    'spf-record',
    'tag-list',
  ],
  blocklists: ['blocklist'],
  remedies: ['remedy', 'incident', 'resource'],
  actuators: [
    'actuator',
    'actuator-call',
    'incident',
    'secret',
    'sigv4',
    'postfix-commands',
    'postfix-routes',
    'postfix-tables',
  ],
};
/** Only these know of a folder's files by name; main knows everything. */
const KNOWERS: Record<string, readonly string[]> = {
  sources: ['server'],
  'reply-rules': ['reply'],
  checks: ['watch', 'check-command', 'checks-route'],
};

interface File {
  path: string;
  folder: string;
  imports: string[];
}

function files(): File[] {
  return readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => {
      const text = readFileSync(`src/${path}`, 'utf8');
      const imports = [...text.matchAll(/from '(\.[^']+)'/g)].map(([, target]) =>
        new URL(target!, `file:///src/${path}`).pathname.slice('/src/'.length),
      );
      return { path, folder: path.includes('/') ? path.slice(0, path.indexOf('/')) : '', imports };
    });
}

test('plugins import their contract and nothing that counts, serves or wires', () => {
  for (const { path, folder, imports } of files()) {
    for (const target of imports) {
      const stage = target.includes('/') ? target.slice(0, target.indexOf('/')) : target.replace(/\.ts$/, '');
      if (folder) assert.ok(ALLOWED[folder]?.includes(stage), `src/${path} must not import src/${target}`);
      else if (target.includes('/'))
        assert.ok(KNOWERS[stage]?.includes(path.replace(/\.ts$/, '')), `src/${path} must not know src/${target}`);
    }
  }
});

test('only main wires: nobody imports it, and the catalogue imports types alone', () => {
  for (const { path, imports } of files()) assert.ok(!imports.includes('main.ts'), path);
  const catalogue = readFileSync('src/metrics.ts', 'utf8');
  for (const [, what, target] of catalogue.matchAll(/^import (.*?) from '(\.[^']+)'/gms))
    if (target !== './event.ts') assert.match(what!, /^type /, `metrics.ts imports more than types from ${target}`);
});

test('imports make no circle, types aside', () => {
  const edges = new Map(
    files().map(({ path }) => [
      path,
      [...readFileSync(`src/${path}`, 'utf8').matchAll(/^import (?!type\b)[^;]*? from '(\.[^']+)'/gms)].map(
        ([, target]) => new URL(target!, `file:///src/${path}`).pathname.slice(5),
      ),
    ]),
  );
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): void => {
    assert.ok(!trail.includes(path), `circle: ${[...trail, path].join(' → ')}`);
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
});

test('every source file opens with a sentence that says what it is', () => {
  for (const { path } of files()) assert.match(readFileSync(`src/${path}`, 'utf8'), /^(#!.*\n)?\/\*\*/, `src/${path}`);
});

test('no file names a machine, a registry host or unfinished work', () => {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);
  for (const path of listed) {
    const text = readFileSync(path, 'utf8');
    assert.ok(
      !/registry\.npmjs|deb\.debian\.org|\/w[o]rk\/main|\.\.\/s[h]ared\//.test(text) || path === 'test/layers.test.ts',
      path,
    );
    if (/^(src|rules|alertmanager|dashboards)\//.test(path)) assert.ok(!/\b(TO[D]O|FIX[M]E|XX[X])\b/.test(text), path);
  }
});

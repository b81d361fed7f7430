/**
 * The committed dashboards are what their sources make, pass Grafana's lints, draw the thresholds of the rules, and every query of
 * theirs answers from a real Prometheus that holds a day of the demo.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { parse } from 'yaml';
import { drift } from '../dashboards/build.ts';
import {
  type Dashboard,
  type Finding,
  lint,
  type Panel,
  panelsOf,
  parseable,
  RULES,
  type Target,
} from './dashboard-lint.ts';
import { type DemoDay, demoDay } from './demo-day.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const FILES = readdirSync(join(ROOT, 'dashboards')).filter((name) => name.endsWith('.json'));
const BOARDS = FILES.map((name) => JSON.parse(read(`dashboards/${name}`)) as Dashboard);
const OVERVIEW = BOARDS.find(({ uid }) => uid === 'deliverability-overview')!;

/** What the lints find and we want. Without `panels`: wherever it is found. */
const EXCLUSIONS: readonly { rule: string; panels?: readonly number[]; reason: string }[] = [
  ...['template-job-rule', 'template-instance-rule', 'target-job-rule', 'target-instance-rule'].map((rule) => ({
    rule,
    reason:
      'Which replica or scrape job counted a message says nothing about the mail; recorded series carry neither. Feeds are told apart by `source`.',
  })),
  {
    rule: 'target-rate-interval-rule',
    panels: [7],
    reason: 'The window of the bounce alert, so that both say the same.',
  },
  { rule: 'target-rate-interval-rule', panels: [32, 33], reason: 'Sums of the whole shown period.' },
  {
    rule: 'target-rate-interval-rule',
    panels: [51],
    reason: 'What each source told in the last hour, whatever time is shown.',
  },
];

const excludes = (finding: Finding) => (exclusion: (typeof EXCLUSIONS)[number]) =>
  exclusion.rule === finding.rule && (exclusion.panels === undefined || exclusion.panels.includes(finding.panel ?? -1));

test('committed JSON is what its source makes', async () => {
  assert.deepEqual(await drift(), [], 'run `node dashboards/build.ts`');
});

test("all 17 rules of Grafana's linter hold, but for what is excluded with a reason", () => {
  assert.equal(RULES.length, 17);
  const findings = BOARDS.flatMap((board) => lint(board));
  assert.deepEqual(
    findings.filter((finding) => !EXCLUSIONS.some(excludes(finding))),
    [],
  );
  for (const exclusion of EXCLUSIONS) {
    assert.ok(
      findings.some((finding) => excludes(finding)(exclusion)),
      `no longer needed: ${exclusion.rule} ${exclusion.panels ?? ''}`,
    );
  }
});

/** One defect for each rule. */
const DEFECTS: Record<string, (board: Dashboard, panel: Panel, target: Target) => void> = {
  'template-datasource-rule': ({ templating }) => Object.assign(templating.list[0]!, { name: 'prometheus' }),
  'template-job-rule': ({ templating }) => templating.list.push({ name: 'job', type: 'custom' }),
  'template-instance-rule': ({ templating }) => templating.list.push({ name: 'instance', type: 'custom' }),
  'template-label-promql-rule': ({ templating }) =>
    Object.assign(templating.list[1]!, { query: 'label_values(a{, b)' }),
  'template-on-time-change-reload-rule': ({ templating }) => Object.assign(templating.list[1]!, { refresh: 1 }),
  'uneditable-dashboard': (board) => Object.assign(board, { editable: true }),
  'panel-datasource-rule': (_, panel) => Object.assign(panel, { datasource: { uid: 'mine' } }),
  'panel-title-description-rule': (_, panel) => Object.assign(panel, { description: ' ' }),
  'panel-units-rule': (_, panel) => Object.assign(panel.fieldConfig!.defaults, { unit: 'mails' }),
  'panel-no-targets-rule': (_, panel) => Object.assign(panel, { targets: [] }),
  'target-logql-rule': (_, __, target) => Object.assign(target, { datasource: { type: 'loki' } }),
  'target-logql-auto-rule': (_, __, target) => Object.assign(target, { datasource: { type: 'loki' } }),
  'target-promql-rule': (_, __, target) => Object.assign(target, { expr: 'sum(' }),
  'target-rate-interval-rule': (_, __, target) => Object.assign(target, { expr: 'sum(rate(a_total[5m]))' }),
  'target-job-rule': (_, __, target) => Object.assign(target, { expr: 'one{instance=~"$instance"}' }),
  'target-instance-rule': (_, __, target) => Object.assign(target, { expr: 'one{job=~"$job"}' }),
  'target-counter-agg-rule': (_, __, target) => Object.assign(target, { expr: 'max_over_time(a_total[5m])' }),
};

test('every rule finds its defect', () => {
  const messages = (board: Dashboard, rule: string) =>
    lint(board)
      .filter((f) => f.rule === rule)
      .map((f) => f.message);
  for (const rule of RULES) {
    const broken = structuredClone(OVERVIEW);
    const panel = panelsOf(broken)[0]!;
    DEFECTS[rule]!(broken, panel, panel.targets![0]!);
    assert.notDeepEqual(messages(broken, rule), messages(OVERVIEW, rule), rule);
  }
});

for (const board of BOARDS) {
  test(`${board.title}: ids and places are unique, links lead somewhere, nothing is left by machine`, () => {
    const all = [...board.panels, ...board.panels.flatMap(({ panels = [] }) => panels)];
    assert.equal(new Set(all.map(({ id }) => id)).size, all.length, 'panel ids');
    assert.ok(
      all.every(({ id }) => Number.isInteger(id) && id > 0),
      'panel ids',
    );
    const places = [board.panels, ...board.panels.map(({ panels = [] }) => panels)];
    for (const placed of places) assert.deepEqual(overlaps(placed), []);
    for (const url of urls(board)) assert.deepEqual(linkProblems(url), [], url);
    assert.ok(
      board.links.every(({ type, includeVars, keepTime }) => type === 'link' || (includeVars && keepTime)),
      'links carry variables and time',
    );
    assert.equal(board.schemaVersion, 42);
    const names = [
      ...JSON.stringify(board).matchAll(
        /"(inControlsMenu|repeatDirection|auto_min|auto_count|pluginVersion|__inputs)"/g,
      ),
    ];
    assert.deepEqual(
      names.map(([name]) => name),
      [],
    );
    const open = board.panels.filter(({ type }) => type !== 'row').flatMap(({ targets = [] }) => targets);
    assert.ok(open.length + board.annotations.list.length < 40, `${open.length} queries when it opens`);
  });
}

function overlaps(panels: readonly Panel[]): string[] {
  const cells = new Map<string, number>();
  const found: string[] = [];
  for (const { id, gridPos } of panels) {
    const { x, y, w, h } = gridPos;
    if (x < 0 || x + w > 24) found.push(`panel ${id} is wider than the page`);
    for (let column = x; column < x + w; column++) {
      for (let row = y; row < y + h; row++) {
        const taken = cells.get(`${column},${row}`);
        if (taken !== undefined) found.push(`panel ${id} lies over panel ${taken} at ${column},${row}`);
        cells.set(`${column},${row}`, id);
      }
    }
  }
  return found;
}

const urls = (node: unknown): string[] =>
  typeof node !== 'object' || node === null
    ? []
    : Object.entries(node).flatMap(([key, value]) =>
        key === 'url' && typeof value === 'string' ? [value] : urls(value),
      );

/** Of a link to a dashboard: that it is there, and has the variables that the link sets. */
function linkProblems(url: string): string[] {
  const [, uid] = /^\/d\/([\w-]+)/.exec(url) ?? [];
  const to = BOARDS.find((board) => board.uid === uid);
  if (!to) return [`no dashboard has the uid ${uid}`];
  const variables = to.templating.list.map(({ name }) => name);
  return [...url.matchAll(/var-(\w+)=/g)]
    .map(([, name]) => name!)
    .filter((name) => !variables.includes(name))
    .map((name) => `${to.title} has no variable ${name}`);
}

test('links in alerts lead to a dashboard and set what it has', () => {
  const found = readdirSync(join(ROOT, 'rules'))
    .filter((name) => name.endsWith('.yml'))
    .flatMap((name) => [...read(`rules/${name}`).matchAll(/dashboard_url: '([^']+)'/g)]);
  assert.ok(found.length > 0);
  for (const [, url] of found) assert.deepEqual(linkProblems(url!), [], url);
});

test('links within a dashboard keep the data source and the time', () => {
  for (const url of BOARDS.flatMap(urls)) assert.match(url, /\$\{datasource:queryparam\}.*\$\{__url_time_range\}/);
});

test('no number is written down that a threshold series holds', () => {
  for (const panel of BOARDS.flatMap(panelsOf)) {
    const steps = panel.fieldConfig?.defaults.thresholds?.steps ?? [];
    assert.deepEqual(
      steps.filter(({ value }) => value !== null),
      [],
      panel.title,
    );
  }
  const shown = (ids: readonly number[]) => ids.map((id) => panelsOf(OVERVIEW).find((panel) => panel.id === id)!);
  for (const { title, targets = [] } of shown([2, 3, 4, 8, 9, 10, 42])) {
    assert.ok(
      targets.some(({ refId, expr }) => refId === 'limits' && /email_threshold:\w+\{/.test(expr ?? '')),
      title,
    );
  }
});

test('provisioning finds the dashboards and knows how often Prometheus scrapes', () => {
  const { datasources } = parse(read('grafana/provisioning/datasources/deliverability.yaml')) as {
    datasources: { type: string; uid: string; url: string; jsonData: Record<string, string> }[];
  };
  const { global } = parse(read('prometheus/prometheus.yml')) as { global: { scrape_interval: string } };
  const prometheus = datasources.filter(({ type }) => type === 'prometheus');
  assert.deepEqual(
    prometheus.map(({ url, jsonData }) => [url, jsonData.timeInterval]),
    [['http://prometheus:9090', global.scrape_interval]],
  );
  const { providers } = parse(read('grafana/provisioning/dashboards/deliverability.yaml')) as {
    providers: { options: { path: string } }[];
  };
  assert.deepEqual(
    providers.map(({ options }) => options.path),
    ['/etc/grafana/dashboards'],
  );
});

// --- With a real Prometheus ----------------------------------------------------------------------------------------------

/** Panel id and query → why it may be empty on the demo's day. */
const MAY_BE_EMPTY: Record<string, string> = {
  '51 refused': 'Every post of the demo is genuine and well formed.',
  '53 A': 'Everything that the demo tells is new, known and valid.',
};

const VARIABLES = ['sending_domain', 'sending_ip', 'provider', 'source'] as const;
type Chosen = Partial<Record<(typeof VARIABLES)[number], string>>;

/** As Grafana would ask for the whole day at 600 points; the history has samples every 30 s, so rates need two minutes. */
function filled(expr: string, day: DemoDay, chosen: Chosen = {}): string {
  const range = `${day.end - day.start}s`;
  const variables = VARIABLES.reduce(
    (text, name) => text.replaceAll(`$${name}`, (chosen[name] ?? '.*').replaceAll('.', chosen[name] ? '\\\\.' : '.')),
    expr,
  );
  return variables.replaceAll('$__rate_interval', '2m').replaceAll('$__interval', '2m').replaceAll('$__range', range);
}

interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: [number, string][];
}

async function ask(day: DemoDay, path: string, parameters: Record<string, string>): Promise<Series[]> {
  const answer = await fetch(`${day.url}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
  const body = (await answer.json()) as { status: string; error?: string; data?: { result: Series[] } };
  assert.equal(body.status, 'success', `${body.error}: ${parameters.query}`);
  return body.data!.result;
}

const at = (day: DemoDay, expr: string, time: number, chosen?: Chosen) =>
  ask(day, 'query', { query: filled(expr, day, chosen), time: String(time) });
const over = (day: DemoDay, expr: string, chosen?: Chosen) =>
  ask(day, 'query_range', {
    query: filled(expr, day, chosen),
    start: String(day.start),
    end: String(day.end),
    step: '120',
  });

const exprOf = (id: number, refId: string): string =>
  panelsOf(OVERVIEW)
    .find((panel) => panel.id === id)!
    .targets!.find((target) => target.refId === refId)!.expr!;

test('with a day of the demo', async (t) => {
  // Prometheus keeps its blocks by two hours: from one border to another there are fewest of them to fill.
  const border = Math.floor(Date.now() / 7_200_000) * 7200;
  const day = await demoDay(4, border);
  t.after(() => day.stop());
  // The past holds a bounce storm at news.example.com from 15 % of it on, for half an hour.
  const storm = day.start + 0.15 * (day.end - day.start) + 25 * 60;

  await t.test('every query of every panel is answered, with data', async () => {
    const empty: string[] = [];
    for (const panel of BOARDS.flatMap(panelsOf)) {
      for (const { refId, expr, instant } of panel.targets ?? []) {
        assert.ok(parseable(expr!) !== '');
        const found = instant ? await at(day, expr!, storm) : await over(day, expr!);
        if (found.length === 0 && !(`${panel.id} ${refId}` in MAY_BE_EMPTY))
          empty.push(`${panel.title} ${refId}: ${filled(expr!, day)}`);
      }
    }
    for (const { name, expr } of BOARDS.flatMap(({ annotations }) => annotations.list)) {
      if ((await over(day, expr!)).length === 0) empty.push(`annotation ${name}`);
    }
    assert.deepEqual(empty, []);
  });

  await t.test('and also when one of each is chosen', async () => {
    const chosen = {
      sending_domain: 'news.example.com',
      sending_ip: '192.0.2.10',
      provider: 'google',
      source: 'sendgrid',
    };
    for (const panel of BOARDS.flatMap(panelsOf)) {
      for (const { expr, instant } of panel.targets ?? [])
        await (instant ? at(day, expr!, storm, chosen) : over(day, expr!, chosen));
    }
    const names = (await at(day, exprOf(6, 'mail'), storm, chosen)).map(({ metric }) => metric.sending_domain);
    assert.deepEqual(names, ['news.example.com']);
  });

  await t.test('variables offer what there is', async () => {
    for (const { name, type, query } of BOARDS.flatMap(({ templating }) => templating.list)) {
      if (type !== 'query') continue;
      const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec((query as { query: string }).query)!;
      const url = new URL(`${day.url}/api/v1/label/${label}/values`);
      url.searchParams.set('match[]', filled(selector!, day));
      const { data } = (await (await fetch(url)).json()) as { data: string[] };
      assert.ok(data.length > 0, name);
    }
  });

  await t.test('the storm shows at a glance: state, tile, thresholds, alert, domain, mark', async () => {
    const number = (series: Series | undefined) => Number(series?.value?.[1] ?? series?.values?.at(-1)?.[1]);
    assert.equal(number((await at(day, exprOf(1, 'A'), storm))[0]), 5, 'critical');
    const tile = new Map(
      (await at(day, exprOf(2, 'A'), storm)).map((series) => [series.metric.sending_domain, number(series)]),
    );
    assert.deepEqual([...tile.keys()].sort(), ['All mail', 'news.example.com']);
    assert.ok(tile.get('news.example.com')! > 0.3);
    const [steps] = await at(day, exprOf(2, 'limits'), storm);
    assert.deepEqual([steps?.metric.step1, steps?.metric.step2, steps?.metric.step3], ['0', '0.05', '0.1']);
    const alerts = (await at(day, exprOf(5, 'state'), storm)).map(({ metric }) => [
      metric.alertname,
      metric.where?.trim(),
    ]);
    // Worst first; then what the storm is seen by besides: its campaign, and the scores of the addresses it left from.
    assert.deepEqual(alerts[0], ['EmailBounceRateHigh', 'news.example.com']);
    assert.deepEqual(
      [...new Set(alerts.map(([name]) => name))],
      ['EmailBounceRateHigh', 'EmailCampaignBouncing', 'EmailReputationFalling'],
    );
    const states = new Map(
      (await at(day, exprOf(6, 'state'), storm)).map((series) => [series.metric.sending_domain, number(series)]),
    );
    assert.equal(states.get('news.example.com'), 5);
    assert.equal(states.get('shop.example.net'), 0);
    const marks = await over(day, OVERVIEW.annotations.list[0]!.expr!);
    assert.ok(
      marks.some(
        ({ metric, values }) =>
          metric.sending_domain === 'news.example.com' && values!.some(([time]) => Math.abs(time - storm) <= 120),
      ),
    );
  });

  await t.test('before the storm all is fine', async () => {
    const [fine] = await at(day, exprOf(1, 'A'), storm - 30 * 60);
    assert.equal(fine?.value?.[1], '0');
    assert.deepEqual(await at(day, exprOf(5, 'state'), storm - 30 * 60), []);
  });
});

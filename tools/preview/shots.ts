/**
 * Every dashboard in light and dark becomes a PNG, drawn by headless Chromium: node shots.ts --prometheus=URL --out=DIR. Fails on a
 * query that fails, a panel without data that --empty does not name, and a table whose columns do not fit.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { tool } from '../../stack/tools.ts';
import { serve, uids } from './serve.ts';

interface Report {
  pending: number;
  errors: string[];
  empty: string[];
}

const { values } = parseArgs({
  options: {
    prometheus: { type: 'string', default: 'http://127.0.0.1:9090' },
    dashboards: { type: 'string', default: join(import.meta.dirname, '../../dashboards') },
    out: { type: 'string', default: 'shots' },
    width: { type: 'string', default: '1920' },
    /** As Grafana writes them: now-6h, or Unix milliseconds. */
    from: { type: 'string', default: 'now-6h' },
    to: { type: 'string', default: 'now' },
    /** Seconds between the samples that Prometheus holds. */
    scrape: { type: 'string', default: '10' },
    /** Titles of panels that may be empty. */
    empty: { type: 'string', multiple: true, default: [] },
  },
});

mkdirSync(values.out, { recursive: true });
const server = await serve(values.prometheus, values.dashboards);
const { port } = server.address() as { port: number };
// Chromium refuses to sandbox itself for root.
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const browser = await chromium.launch({ executablePath: await tool('chromium'), args });
const settled = '__preview && __preview.pending === 0 && document.querySelector("[data-panel]") !== null';
let failures = 0;
try {
  for (const uid of uids(values.dashboards).keys()) {
    for (const theme of ['light', 'dark']) {
      const width = Number(values.width);
      const page = await browser.newPage({ viewport: { width, height: 1080 } });
      const thrown: string[] = [];
      page.on('pageerror', (error) => thrown.push(error.message));
      const { from, to, scrape } = values;
      await page.goto(`http://127.0.0.1:${port}/?${new URLSearchParams({ dashboard: uid, theme, from, to, scrape })}`);
      await page.waitForFunction(settled, undefined, { timeout: 60_000 });
      // As tall as the page, since tables draw only the rows in sight.
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      await page.setViewportSize({ width, height });
      await page.waitForTimeout(500);
      await page.waitForFunction(settled, undefined, { timeout: 60_000 });
      await page.waitForTimeout(1000);
      const { errors, empty } = (await page.evaluate('__preview')) as Report;
      const cut = await page.evaluate(() =>
        [...document.querySelectorAll('[data-panel] [role=grid]')]
          .filter((grid) => grid.scrollWidth > grid.clientWidth + 1)
          .map((grid) => grid.closest('[data-title]')?.getAttribute('data-title')),
      );
      const bare = [...new Set(empty)].filter((title) => !values.empty.includes(title));
      const file = join(values.out, `${uid}-${theme}.png`);
      await page.screenshot({ path: file });
      await page.close();
      const problems = [
        ...thrown,
        ...errors,
        ...bare.map((title) => `no data: ${title}`),
        ...cut.map((title) => `columns cut off: ${title}`),
      ];
      failures += problems.length;
      console.log([file, ...problems].join('\n  '));
    }
  }
} finally {
  await browser.close();
  server.close();
}
process.exitCode = failures > 0 ? 1 : 0;

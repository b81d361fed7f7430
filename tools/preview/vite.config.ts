import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const require = createRequire(import.meta.url);
const ui = join(dirname(require.resolve('@grafana/ui/package.json')), 'dist/public/img');
const inter = join(dirname(require.resolve('@fontsource/inter/package.json')), 'files');

/** Grafana's components fetch icons and fonts below /public/ by name; they lie in the packages under other paths. */
const grafanaAssets = {
  name: 'grafana-assets',
  closeBundle() {
    cpSync(ui, 'dist/public/build/img', { recursive: true });
    // The package lacks this one.
    const icons = 'dist/public/build/img/icons/unicons';
    const right = readFileSync(`${icons}/angle-double-right.svg`, 'utf8');
    const turned = right.replaceAll('<path ', '<path transform="rotate(180 12 12)" ');
    writeFileSync(`${icons}/angle-double-left.svg`, turned);
    mkdirSync('dist/public/fonts/inter', { recursive: true });
    cpSync(join(inter, 'inter-latin-400-normal.woff2'), 'dist/public/fonts/inter/Inter-Regular.woff2');
    cpSync(join(inter, 'inter-latin-500-normal.woff2'), 'dist/public/fonts/inter/Inter-Medium.woff2');
  },
};

export default defineConfig({
  plugins: [react(), grafanaAssets],
  build: { target: 'esnext', chunkSizeWarningLimit: 6000 },
  logLevel: 'warn',
});

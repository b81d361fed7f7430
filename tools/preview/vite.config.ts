import { cpSync, mkdirSync } from 'node:fs';
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

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

/** Writes `.gz` and `.br` beside each text file that becomes smaller. */
function precompress(): Plugin {
  let dir = '';
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      dir = join(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        // The service changes the page itself, so it is not compressed here.
        if (!/\.(js|css|svg)$/.test(name)) continue;
        const path = join(dir, name);
        const bytes = readFileSync(path);
        const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
        const coded = { gz: gzipSync(bytes, { level: 9 }), br: brotliCompressSync(bytes, brotli) };
        for (const [suffix, small] of Object.entries(coded)) {
          if (small.length < bytes.length) writeFileSync(`${path}.${suffix}`, small);
        }
      }
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [svelte(), precompress()],
  build: {
    // scripts/build-page.sh empties it; a file that git tracks stays.
    emptyOutDir: false,
    target: 'es2023',
    cssTarget: ['chrome123', 'firefox128', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: 'licenses.md' },
  },
  worker: { format: 'es' },
  server: {
    proxy: Object.fromEntries(
      ['/api', '/readyz', '/docs', '/openapi.json'].map((path) => [
        path,
        process.env['FEDERATION_URL'] ?? 'http://127.0.0.1:8001',
      ]),
    ),
  },
});

/** Builds the dashboard into one HTML document with everything inside it, and the policy that allows exactly that. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** @returns {Promise<{ html: string, csp: string }>} */
export async function buildPage() {
  const [script, style, markup] = await Promise.all([
    bundle('main.ts'),
    bundle('style.css'),
    readFile(here('index.html'), 'utf8'),
  ]);
  // Inside these elements HTML knows no escapes: such a text would end the element early.
  if (/<\/(script|style)|<!--/i.test(script + style))
    throw new Error('the bundle has a text in it that would end its element');
  const html = markup
    .replaceAll(/^ +/gm, '')
    .replace('<!-- style.css -->', () => `<style>${style}</style>`)
    .replace('<!-- main.ts -->', () => `<script>${script}</script>`);
  const csp = [
    "default-src 'none'",
    `script-src '${sha256(script)}'`,
    `style-src '${sha256(style)}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, csp };
}

async function bundle(name) {
  const { outputFiles } = await build({
    entryPoints: [here(name)],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    banner: { js: '/*! Charts: uPlot, (c) Leon Sorokin, MIT License, github.com/leeoniya/uPlot */' },
    logLevel: 'warning',
  });
  return outputFiles[0].text.trim();
}

function sha256(text) {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function here(name) {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** The dashboard's page, as the build made it. The bundle holds it; run from the sources it is read from `dist/`. */
import { readFileSync } from 'node:fs';

export interface Page {
  readonly html: string;
  /** The same, compressed, in base64. */
  readonly brotli: string;
  readonly gzip: string;
  /** Its Content-Security-Policy, with the hashes of its script and style. */
  readonly csp: string;
}

export function loadPage(): Page {
  return JSON.parse(readFileSync(new URL('../../dist/dashboard.json', import.meta.url), 'utf8')) as Page;
}

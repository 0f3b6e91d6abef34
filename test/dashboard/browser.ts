/** A real Chromium that looks at a real exchange's dashboard. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { suite as uvuSuite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Exchange, suite, TestClient, UNLIMITED } from '../harness.ts';

const CHROMIUM = '/usr/bin/chromium';
const CHROMIUM_FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

export const PASSWORD = 'a-long-test-password';
export const ENV = { ...UNLIMITED, ADMIN_PASSWORD: PASSWORD };
const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1440, height: 900 };

/** Each width in each theme. */
export const LOOKS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [PHONE, DESK].map((viewport) => ({ colorScheme, viewport })),
);

let browser: Browser | undefined;

/** A suite whose tests look: where there is no browser they are skipped, except where everything must be run. */
export function browserSuite(name: string) {
  const test = suite(name);
  const { run } = test;
  const unseen = uvuSuite(`${name}, not run`);
  const hasChromium = existsSync(CHROMIUM);
  if (!hasChromium) {
    const missing = `${CHROMIUM} is missing, and the dashboard was not looked at: apt-get install chromium`;
    console.log(missing);
    // On a machine that must be able to run everything, this is a failure.
    if (process.env.CI === 'true')
      test('there is a browser to look with', () => {
        throw new Error(missing);
      });
  }
  // A page whose exchange is gone would go on asking for it, beside all the tests that follow.
  test.afterEach(async () => {
    for (const context of browser?.contexts() ?? []) await context.close();
  });
  test.after(async () => {
    await browser?.close();
  });
  return {
    test: Object.assign(test, {
      run() {
        unseen.run();
        run();
      },
    }),
    inBrowser(title: string, run: () => Promise<void>): void {
      if (hasChromium) test(title, run);
      else unseen.skip(title);
    },
  };
}

async function launched(): Promise<Browser> {
  browser ??= await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS.split(' '), timeout: 30_000 });
  return browser;
}

interface View {
  readonly page: Page;
  /** What the browser complained of, and whatever it asked of anybody but the exchange. */
  readonly complaints: string[];
}

export interface LookOptions extends BrowserContextOptions {
  /** Of an admin's session that this tab has already. */
  readonly token?: string;
  /** Runs in the page before anything else. */
  readonly before?: () => void;
  /** What follows the address, such as `#24h`. */
  readonly hash?: string;
}

/** Opens the dashboard in a browser profile of its own and waits for the first push. */
export async function look(exchange: Exchange, { token, before, hash = '', ...options }: LookOptions = {}) {
  const context = await (await launched()).newContext({ reducedMotion: 'reduce', ...options });
  if (token !== undefined)
    await context.addInitScript((text) => sessionStorage.setItem('magi-admin-token', text), token);
  if (before !== undefined) await context.addInitScript(before);
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && origin !== exchange.url) complaints.push(`asked ${request.url()}`);
  });
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== new URL(exchange.url).host) complaints.push(`opened ${socket.url()}`);
  });
  await page.goto(`${exchange.url}/${hash}`);
  await shows(page, '#state', 'Live');
  return { page, complaints } satisfies View;
}

/** Waits until an element shows exactly this text, or one that the pattern fits. */
export async function shows(
  page: Page,
  selector: string,
  text: string | RegExp,
  options: { timeout?: number } = {},
): Promise<void> {
  const hasText = typeof text === 'string' ? exactly(text) : text;
  await page.locator(selector).filter({ hasText }).waitFor(options);
}

export function exactly(text: string): RegExp {
  return new RegExp(`^\\s*${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*$`);
}

export async function logIn(page: Page, password = PASSWORD): Promise<void> {
  await page.getByLabel('Admin password').fill(password);
  await page.getByRole('button', { name: 'Open the log' }).click();
}

/** A wrong code makes an entry of level warn. */
export async function tryWrongCode(exchange: Exchange): Promise<void> {
  const client = await TestClient.identified(exchange, 'guesser');
  assert.is((await client.request({ type: 'connect', code: '222222' })).code, 'invalid_code');
  await client.close();
}

/** A question and its way to the other side. */
export async function ask(one: TestClient, other: TestClient): Promise<void> {
  await one.request({ type: 'ask', content: 'Hello' }, 'question_sent');
  await other.next('question');
}

/** Pixels by which the page is wider than its window. */
export function overflow(page: Page): Promise<number> {
  // Not clientWidth, which counts the room that is kept for the scrollbar.
  return page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.getBoundingClientRect().width,
  );
}

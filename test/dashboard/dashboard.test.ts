/** Protocol part 6: the dashboard in a real browser, on a real exchange, with real clients. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { suite as uvuSuite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Exchange,
  eventually,
  httpRequest,
  suite,
  TestClient,
  UNLIMITED,
  withExchange,
  within,
} from '../harness.ts';

const CHROMIUM = '/usr/bin/chromium';
const CHROMIUM_FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
const PASSWORD = 'a-long-test-password';
const ENV = { ...UNLIMITED, ADMIN_PASSWORD: PASSWORD };
const PAGE_BYTES_MAX = 120_000;

const test = suite('dashboard');
const unseen = uvuSuite('dashboard, not run');
let browser: Browser | undefined;

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

function inBrowser(title: string, run: () => Promise<void>): void {
  if (hasChromium) test(title, run);
  else unseen.skip(title);
}

async function launched(): Promise<Browser> {
  browser ??= await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS.split(' '), timeout: 30_000 });
  return browser;
}
test.after(async () => {
  await browser?.close();
});

interface View {
  readonly page: Page;
  /** What the browser complained of, and whatever it asked of anybody but the exchange. */
  readonly complaints: string[];
}

/** Opens the dashboard in a browser profile of its own and waits for the first push. */
async function look(exchange: Exchange, options: BrowserContextOptions = {}, token?: string): Promise<View> {
  const context = await (await launched()).newContext({ reducedMotion: 'reduce', ...options });
  if (token !== undefined)
    await context.addInitScript((text) => sessionStorage.setItem('magi-admin-token', text), token);
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
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
  await page.goto(exchange.url);
  await shows(page, '#state', 'Live');
  return { page, complaints };
}

/** Waits until an element shows exactly this text. */
async function shows(page: Page, selector: string, text: string, options: { timeout?: number } = {}): Promise<void> {
  const shown = page.locator(selector).filter({ hasText: exactly(text) });
  await shown.waitFor(options);
}

function exactly(text: string): RegExp {
  return new RegExp(`^\\s*${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*$`);
}

async function logIn(page: Page, password = PASSWORD): Promise<void> {
  await page.getByLabel('Admin password').fill(password);
  await page.getByRole('button', { name: 'Open the log' }).click();
}

/** A wrong code makes an entry of level warn. */
async function tryWrongCode(exchange: Exchange): Promise<void> {
  const client = await TestClient.identified(exchange, 'guesser');
  assert.is((await client.request({ type: 'connect', code: '222222' })).code, 'invalid_code');
  await client.close();
}

function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

test('the page is one document, and its policy allows what is inside it and nothing else', async () => {
  await withExchange(ENV, async (exchange) => {
    const { status, headers, text } = await httpRequest(exchange, '/');
    assert.is(status, 200);
    assert.ok(Buffer.byteLength(text) < PAGE_BYTES_MAX, `${Buffer.byteLength(text)} bytes`);
    const hashOf = (element: string) => {
      const content = [...text.matchAll(new RegExp(`<${element}>([\\s\\S]*?)</${element}>`, 'g'))].map(
        (found) => found[1],
      );
      assert.is(content.length, 1, `one ${element}`);
      return `'sha256-${createHash('sha256')
        .update(content[0] ?? '')
        .digest('base64')}'`;
    };
    assert.is(
      headers['content-security-policy'],
      `default-src 'none'; script-src ${hashOf('script')}; style-src ${hashOf('style')}; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    const markup = text.replace(/<script>[\s\S]*<\/script>|<style>[\s\S]*?<\/style>/g, '');
    assert.not.match(markup, /\sstyle=|\son\w+=|(src|href)="(?!data:|api\/stats")/);
  });
});

inBrowser('numbers, charts and avatars move when clients come, talk and go', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page, complaints } = await look(exchange);
    await shows(page, '#clients', '0');
    await page.getByText('Nobody is here yet.').waitFor();

    const [ann, bob] = await TestClient.pair(exchange, 'ann@example.org', 'bob@example.org');
    await shows(page, '#clients', '2');
    await shows(page, '#clients-note', '2 users, 2 in a connection');
    await shows(page, '#connections', '1');
    await page.getByText('Nobody is here yet.').waitFor({ state: 'hidden' });
    await page.locator('.user').nth(1).waitFor();
    assert.equal((await page.locator('.avatar').allTextContents()).sort(), ['A', 'B']);
    const { clientId } = JSON.parse((await httpRequest(exchange, '/api/stats')).text).connectedUsers[0];
    await page.getByText(clientId, { exact: true }).waitFor();

    await ann.request({ type: 'ask', content: 'Hello' }, 'question_sent');
    await bob.next('question');
    await shows(page, '#messages', '1');
    await page
      .locator('#messages-note')
      .filter({ hasText: /^question, 5 characters, / })
      .waitFor();
    await page
      .locator('#rate-note')
      .filter({ hasText: /^peak / })
      .waitFor();
    await page
      .locator('#chart-clients-reading')
      .filter({ hasText: exactly('2 clients') })
      .waitFor();
    assert.not.match(await page.content(), /example\.org/);

    await bob.close();
    await shows(page, '#clients', '1');
    await page.locator('.user.idle').waitFor();
    await ann.close();
    await page.getByText('Nobody is here yet.').waitFor();
    assert.equal(complaints, []);
  });
});

inBrowser('every chart is drawn, and anew when the theme changes', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page, complaints } = await look(exchange, { colorScheme: 'light' });
    const drawn = () =>
      page.evaluate(() =>
        [...document.querySelectorAll('canvas')].map((canvas) => {
          const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
          return { painted: [...data].filter((value) => value > 0).length > 500, picture: canvas.toDataURL() };
        }),
      );
    await eventually(async () => (await drawn()).every(({ painted }) => painted), 'every chart to be painted');
    const light = await drawn();
    assert.is(light.length, 4);
    await page.emulateMedia({ colorScheme: 'dark' });
    await eventually(
      async () => (await drawn())[0]?.picture !== light[0]?.picture,
      'the charts to change with the theme',
    );
    assert.equal(complaints, []);
  });
});

/** A free port, asked for by number: a port that was given for 0 cannot be taken again at once by the next exchange. */
async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return String(port);
}

inBrowser('it says when it is cut off, and returns with the exchange', async () => {
  const env = { ...ENV, PORT: await freePort() };
  await withExchange(env, async (first) => {
    const { page } = await look(first);
    await first.stop('SIGKILL');
    await page.getByText('Cut off from the exchange.').waitFor();
    await page.getByText(/^Trying again( in \d+ s)?…$/).waitFor();
    const opacity = await page.locator('.numbers').evaluate((numbers) => Number(getComputedStyle(numbers).opacity));
    assert.ok(opacity < 1, 'what is old is grey');
    assert.is(await page.title(), 'Cut off · mAGI exchange');

    await withExchange(env, async (second) => {
      // On a busy machine several tries may come before the exchange is up, each later than the one before.
      await shows(page, '#state', 'Live', { timeout: 40_000 });
      await page.getByText('Cut off from the exchange.').waitFor({ state: 'hidden' });
      const client = await TestClient.identified(second, 'ann');
      await shows(page, '#clients', '1');
      await client.close();
    });
  });
});

inBrowser('a wrong password is told, the right one opens the log for this tab and is kept nowhere', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page, complaints } = await look(exchange);
    const stored = () => page.evaluate(() => JSON.stringify([{ ...localStorage }, Object.keys(sessionStorage)]));
    await logIn(page, 'not the password');
    await page.getByRole('alert').filter({ hasText: 'Wrong password.' }).waitFor();
    assert.is(await stored(), '[{},[]]');
    assert.ok(await page.locator('#panel').isHidden());
    // The browser itself reports a refused request as an error.
    assert.match(complaints.splice(0).join('\n'), /^[^\n]*status of 401[^\n]*$/);

    await logIn(page);
    await page.locator('.entry').filter({ hasText: 'Exchange started' }).waitFor();
    assert.is(await stored(), '[{},["magi-admin-token"]]');
    assert.is.not(await page.evaluate(() => sessionStorage.getItem('magi-admin-token')), PASSWORD);
    assert.is(await page.getByLabel('Admin password').inputValue(), '');

    await page.reload();
    await page.locator('.entry').first().waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Admin password').waitFor();
    assert.is(await stored(), '[{},[]]');
    assert.is(await page.locator('.entry').count(), 0);
    assert.equal(complaints, []);
  });
});

inBrowser('a token that has ended leads back to the login', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page } = await look(exchange, {}, `mgx_${'x'.repeat(43)}`);
    await page.getByRole('alert').filter({ hasText: 'Log in again.' }).waitFor();
    await logIn(page);
    await page.locator('.entry').first().waitFor();
  });
});

inBrowser('entries come in as they happen; level and search choose among them', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page, complaints } = await look(exchange);
    const rows = page.locator('.entry');
    const levels = async () => new Set(await page.locator('.entry-level').allTextContents());
    await logIn(page);
    await rows.first().waitFor();

    const [ann, bob] = await TestClient.pair(exchange, 'ann', 'bob');
    const connected = rows.filter({ hasText: 'Users connected' });
    await connected.waitFor();
    assert.match((await connected.textContent()) ?? '', /user1: u_[0-9a-f]{8}/);
    await tryWrongCode(exchange);
    await rows.filter({ hasText: 'Invite code refused' }).waitFor();

    await page.getByLabel('Level').selectOption('warn');
    assert.equal(await levels(), new Set(['warn']));
    await page.getByLabel('Level').selectOption('error');
    await page.getByText('No entry of this level yet.').waitFor();
    await page.getByLabel('Level').selectOption('info');

    await page.getByLabel('Search the log').fill('INVITE');
    assert.ok((await rows.allTextContents()).every((row) => /invite/i.test(row)));
    await page.getByLabel('Search the log').fill('no such thing');
    await page.getByText('No entry has “no such thing” in it.').waitFor();
    await page.getByLabel('Search the log').fill('');
    await connected.waitFor();

    await Promise.all([ann.close(), bob.close()]);
    assert.equal(complaints, []);
  });
});

inBrowser('a paused log stands still and counts; a long one is bounded; what is shown can be copied', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page, complaints } = await look(exchange, { permissions: ['clipboard-read', 'clipboard-write'] });
    const rows = page.locator('.entry');
    await logIn(page);
    await rows.first().waitFor();
    const [ann, bob] = await TestClient.pair(exchange, 'ann', 'bob');
    await rows.filter({ hasText: 'Users connected' }).waitFor();

    await page.getByLabel('Search the log').fill('question_forwarded');
    await page.getByRole('button', { name: 'Pause' }).click();
    const ask = async () => {
      await ann.request({ type: 'ask', content: 'Hello' }, 'question_sent');
      await bob.next('question');
    };
    await ask();
    await ask();
    await page.getByRole('button', { name: 'Resume · 2 new' }).waitFor();
    assert.is(await rows.count(), 0);
    await page.getByRole('button', { name: 'Resume' }).click();
    await rows.nth(1).waitFor();

    for (let i = 0; i < 600; i++) await ask();
    await shows(page, '#messages', '602');
    await eventually(async () => (await rows.count()) === 500, 'the list to be full');
    await page.getByLabel('Search the log').fill('');
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByRole('button', { name: 'Copied 500' }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.is(copied.trimEnd().split('\n').length, 500);
    assert.match(copied, /^\d{4}-\d\d-\d\dT[\d:.]+Z info Question forwarded .*length: 5$/m);
    await Promise.all([ann.close(), bob.close()]);
    assert.equal(complaints, []);
  });
});

inBrowser('it fits a phone and a desk, in both themes', async () => {
  await withExchange(ENV, async (exchange) => {
    const [ann, bob] = await TestClient.pair(exchange, 'ann', 'bob');
    await tryWrongCode(exchange);
    const papers = new Set<string>();
    for (const colorScheme of ['light', 'dark'] as const)
      for (const viewport of [
        { width: 390, height: 844 },
        { width: 1440, height: 900 },
      ]) {
        const { page, complaints } = await look(exchange, { colorScheme, viewport });
        await page.locator('.user').nth(1).waitFor();
        assert.is(await overflow(page), 0, `${colorScheme} ${viewport.width}`);
        await logIn(page);
        await page.locator('.entry').first().waitFor();
        assert.is(await overflow(page), 0, `${colorScheme} ${viewport.width}, with the log`);
        papers.add(await page.evaluate(() => `${getComputedStyle(document.body).backgroundColor}`));
        assert.equal(complaints, []);
        await within(page.context().close(), 'the page to close');
      }
    assert.is(papers.size, 2, [...papers].join(' '));
    await Promise.all([ann.close(), bob.close()]);
  });
});

unseen.run();
test.run();

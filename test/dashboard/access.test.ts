/** For everybody: both widths, both themes, keyboard and screen reader; and nothing on the page moves unless somebody asks for it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { type Exchange, eventually, httpRequest, TestClient, withExchange, within } from '../harness.ts';
import { browserSuite, DESK, ENV, LOOKS, logIn, look, overflow, PASSWORD, shows, tryWrongCode } from './browser.ts';

const { test, inBrowser } = browserSuite('dashboard access');

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds, one line each. */
async function findings(page: Page): Promise<string[]> {
  // The page's policy lets nobody add a script; the debugger's own evaluation is not the page's.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(
    () => (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run() as Promise<AxeResults>,
  );
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${impact} ${id}: ${html.slice(0, 200)} ${failureSummary}`),
  );
}

/** Something of everything that the page can show. */
async function busy(exchange: Exchange): Promise<TestClient[]> {
  const [ann, bob] = await TestClient.pair(exchange, 'ann', 'bob');
  const cy = await TestClient.identified(exchange, 'cy');
  await tryWrongCode(exchange);
  await cy.request({ type: 'zzz' }, 'error');
  await httpRequest(exchange, '/api/stats', { headers: { Via: 'a proxy' } });
  return [ann, bob, cy];
}

inBrowser('it fits a phone and a desk, in both themes', async () => {
  await withExchange(ENV, async (exchange) => {
    const clients = await busy(exchange);
    const papers = new Set<string>();
    for (const options of LOOKS) {
      const { page, complaints } = await look(exchange, options);
      const what = `${options.colorScheme} ${options.viewport.width}`;
      await page.locator('.user').nth(1).waitFor();
      await page.getByRole('button', { name: 'What to do' }).click();
      assert.is(await overflow(page), 0, what);
      await logIn(page);
      await page.locator('.entry').first().waitFor();
      assert.is(await overflow(page), 0, `${what}, with the log`);
      papers.add(await page.evaluate(() => `${getComputedStyle(document.body).backgroundColor}`));
      assert.equal(complaints, []);
      await within(page.context().close(), 'the page to close');
    }
    assert.is(papers.size, 2, [...papers].join(' '));
    for (const client of clients) await client.close();
  });
});

for (const options of LOOKS)
  inBrowser(`axe finds nothing: ${options.colorScheme}, ${options.viewport.width} pixels`, async () => {
    await withExchange(ENV, async (exchange) => {
      const { page } = await look(exchange, options);
      await page.getByText('Nobody is here yet.').waitFor();
      assert.equal(await findings(page), [], 'an empty exchange');
      const clients = await busy(exchange);
      await page.locator('.user').nth(2).waitFor();
      await page.getByRole('button', { name: 'What to do' }).click();
      await page.locator('.bar').nth(1).waitFor();
      assert.equal(await findings(page), [], 'a busy one');
      await logIn(page, 'not the password');
      await page.getByRole('alert').filter({ hasText: 'Wrong password.' }).waitFor();
      assert.equal(await findings(page), [], 'a wrong password');
      await logIn(page);
      await page.locator('.entry[data-level="warn"]').first().waitFor();
      assert.equal(await findings(page), [], 'with the log');
      for (const client of clients) await client.close();
    });
  });

/** Remembers what moved without being asked to, with the elements that did. */
function watchShifts(): void {
  const shifts: string[] = [];
  Object.assign(window, { shifts });
  interface Shift extends PerformanceEntry {
    readonly hadRecentInput: boolean;
    readonly value: number;
    readonly sources: readonly { readonly node: Node | null }[];
  }
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries() as Shift[]) {
      const moved = sources.map(({ node }) =>
        node instanceof Element ? node.outerHTML.slice(0, 120) : node?.nodeName,
      );
      if (!hadRecentInput) shifts.push(`${value}: ${moved.join(', ')}`);
    }
  }).observe({ type: 'layout-shift', buffered: true });
}

for (const options of LOOKS)
  inBrowser(`nothing moves by itself: ${options.colorScheme}, ${options.viewport.width} pixels`, async () => {
    await withExchange(ENV, async (exchange) => {
      const { page } = await look(exchange, { ...options, before: watchShifts });
      const shifts = () => page.evaluate(() => (window as unknown as { shifts: string[] }).shifts);
      // What was painted last is told a frame later.
      const painted = () =>
        page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      // Whether the observer sees anything at all.
      await page.evaluate(() => {
        document.querySelector('main')?.animate([{ marginTop: '0' }, { marginTop: '90px' }], 200);
      });
      await eventually(async () => (await shifts()).length > 0, 'a page that was pushed to be noticed');
      await page.waitForTimeout(500);
      await page.reload();
      await shows(page, '#state', 'Live');

      const clients = await busy(exchange);
      for (let n = 0; n < 10; n++) clients.push(await TestClient.identified(exchange, `user ${n}`));
      await eventually(async () => (await page.locator('.user').count()) === 13, 'everybody to be shown');
      await page.getByRole('radio', { name: '15 minutes' }).check();
      await painted();
      assert.equal(await shifts(), []);
      // The log opens where somebody asked for it, and that may take longer than what the browser counts as an answer to a click.
      await logIn(page);
      await page.locator('.entry').first().waitFor();
      await painted();
      const asked = (await shifts()).length;
      await page.evaluate(() => scrollTo(0, 0));
      for (const client of clients) await client.close();
      await page.getByText('Nobody is here yet.').waitFor();
      await exchange.stop('SIGKILL');
      await page.getByText('Cut off from the exchange.').waitFor();
      await painted();
      assert.equal((await shifts()).slice(asked), []);
    });
  });

inBrowser('everything can be done with the keyboard', async () => {
  await withExchange(ENV, async (exchange) => {
    const clients = await busy(exchange);
    const { page } = await look(exchange, { viewport: DESK });
    const focused = () => page.evaluate(() => document.activeElement?.id ?? '');
    await shows(page, '#verdict', /./);
    await shows(page, '#chart-clients-note', /^most \d/);

    await page.keyboard.press('Tab');
    assert.is(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the log');
    await page.keyboard.press('Tab');
    assert.is(await focused(), 'notices-toggle');
    await page.keyboard.press('Enter');
    await page.getByText(/Set TRUST_PROXY/).waitFor();

    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowRight');
    await shows(page, '#chart-rate-note', /15 minutes$/);
    await page.keyboard.press('ArrowLeft');
    await shows(page, '#chart-rate-note', /minute$/);

    // A chart is a slider over its moments, and all charts show the same one.
    await page.keyboard.press('Tab');
    assert.is(await focused(), 'chart-rate');
    const chart = page.getByRole('slider').first();
    assert.match((await chart.getAttribute('aria-label')) ?? '', /^Messages a second, the last minute: /);
    await page.keyboard.press('ArrowLeft');
    assert.match((await chart.getAttribute('aria-valuetext')) ?? '', /^([\d.]+\/s|not known) at \d\d:\d\d:\d\d$/);
    await shows(page, '#chart-clients-note', /^(\d clients?|not known) at \d\d:\d\d:\d\d$/);
    await page.keyboard.press('Home');
    assert.is(await chart.getAttribute('aria-valuenow'), '0');
    await page.keyboard.press('End');
    assert.is(await chart.getAttribute('aria-valuenow'), '59');
    await page.keyboard.press('Escape');
    await shows(page, '#chart-clients-note', /^most \d/);

    for (const next of ['chart-clients', 'chart-delay', 'chart-handling', 'here-scroll', 'chart-refused', 'password']) {
      await page.keyboard.press('Tab');
      assert.is(await focused(), next);
    }
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.locator('.entry').first().waitFor();
    assert.is(await focused(), 'log-title');
    for (const next of ['level', 'search', 'pause', 'copy', 'logout', 'entries-scroll']) {
      await page.keyboard.press('Tab');
      assert.is(await focused(), next);
    }
    for (const client of clients) await client.close();
  });
});

test.run();

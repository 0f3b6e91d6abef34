/** Protocol parts 6 and 7: the operator's way to the log, in a real browser. */
import * as assert from 'uvu/assert';
import { eventually, seededChance, TestClient, withExchange } from '../harness.ts';
import { freePort } from '../torture/victims.ts';
import { ask, browserSuite, ENV, logIn, look, PASSWORD, shows, tryWrongCode } from './browser.ts';

const { test, inBrowser } = browserSuite('dashboard log');

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

inBrowser('five wrong passwords lock the login, and it says for how long', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page } = await look(exchange);
    for (let n = 0; n < 5; n++) {
      const answered = page.waitForResponse('**/api/admin/verify');
      await logIn(page, `wrong password ${n}`);
      assert.is((await answered).status(), 401);
    }
    await logIn(page);
    await page.getByRole('alert').filter({ hasText: 'Too many wrong passwords. Try again in 1' }).waitFor();
    assert.match(
      (await page.locator('#login-error').textContent()) ?? '',
      /^Too many wrong passwords\. Try again in 1[45] min\.$/,
    );
    assert.ok(await page.locator('#panel').isHidden(), 'the right password does not help now');
  });
});

inBrowser('a token that has ended leads back to the login', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page } = await look(exchange, { token: `mgx_${'x'.repeat(43)}` });
    await page.getByRole('alert').filter({ hasText: 'Log in again.' }).waitFor();
    await logIn(page);
    await page.locator('.entry').first().waitFor();
  });
});

inBrowser('after a restart of the exchange the log asks for the password again', async () => {
  const env = { ...ENV, PORT: `${await freePort(seededChance('port'))}` };
  await withExchange(env, async (first) => {
    const { page } = await look(first);
    await logIn(page);
    await page.locator('.entry').first().waitFor();
    await first.stop('SIGKILL');
    await page.getByText('Cut off from the log. Trying again…').waitFor();
    await withExchange(env, async () => {
      await shows(page, '#state', 'Live', { timeout: 40_000 });
      await page.getByRole('alert').filter({ hasText: 'Log in again.' }).waitFor({ timeout: 40_000 });
      await logIn(page);
      await page.locator('.entry').filter({ hasText: 'Exchange started' }).waitFor();
    });
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
    await shows(page, '#found', `${await rows.count()} entries`);
    await page.getByLabel('Search the log').fill('no such thing');
    await page.getByText('No entry has “no such thing” in it.').waitFor();
    await shows(page, '#found-said', '0 entries');
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
    await ask(ann, bob);
    await ask(ann, bob);
    await page.getByRole('button', { name: 'Resume · 2 new' }).waitFor();
    assert.is(await rows.count(), 0);
    await page.getByRole('button', { name: 'Resume' }).click();
    await rows.nth(1).waitFor();

    for (let i = 0; i < 600; i++) await ask(ann, bob);
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

test.run();

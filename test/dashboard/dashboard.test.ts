/** Protocol part 6: the dashboard in a real browser, on a real exchange, with real clients. */
import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import { eventually, httpRequest, seededChance, TestClient, withExchange } from '../harness.ts';
import { KeyedUser } from '../server/keyed.ts';
import { freePort } from '../torture/victims.ts';
import { ask, browserSuite, ENV, exactly, look, shows, tryWrongCode } from './browser.ts';

const PAGE_BYTES_MAX = 120_000;
const { test, inBrowser } = browserSuite('dashboard');

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
    assert.not.match(markup, /\sstyle=|\son\w+=|(src|href)="(?!data:|#log"|api\/(stats|history)")/);
  });
});

inBrowser('the page comes compressed in one response, and asks for nothing but its numbers', async () => {
  await withExchange(ENV, async (exchange) => {
    const { headers } = await httpRequest(exchange, '/', { headers: { 'Accept-Encoding': 'br' } });
    assert.is(headers['content-encoding'], 'br');
    assert.ok(Number(headers['content-length']) < PAGE_BYTES_MAX / 2, headers['content-length']);
    const { page, complaints } = await look(exchange);
    await page.waitForLoadState('networkidle');
    const asked = await page.evaluate(() =>
      performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname),
    );
    assert.equal(asked, ['/api/history']);
    assert.equal(complaints, []);
  });
});

inBrowser('numbers, charts and avatars move when clients come, talk and go', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page, complaints } = await look(exchange);
    await shows(page, '#clients', '0');
    await page.getByText('Nobody is here yet.').waitFor();

    const [ann, bob] = await TestClient.pair(exchange, 'ann@secret.invalid', 'bob@secret.invalid');
    await shows(page, '#clients', '2');
    await shows(page, '#users-count', '2');
    await shows(page, '#users-note', '2 in a connection, 0 idle');
    await shows(page, '#connections', '1');
    await page.getByText('Nobody is here yet.').waitFor({ state: 'hidden' });
    await page.locator('.user').nth(1).waitFor();
    assert.equal((await page.locator('.avatar').allTextContents()).sort(), ['A', 'B']);
    const { clientId } = JSON.parse((await httpRequest(exchange, '/api/stats')).text).connectedUsers[0];
    await page.getByText(clientId, { exact: true }).waitFor();

    await ask(ann, bob);
    await shows(page, '#messages', '1');
    await shows(page, '#messages-note', /^question, 5 characters, /);
    await shows(page, '#chart-rate-note', /^peak [\d.]+, mean /);
    await shows(page, '#chart-clients-note', 'most 2');
    await shows(page, '#delay', /^[\d.]+ (µs|ms)$/);
    await shows(page, '#chart-handling-note', /^worst [\d.]+ (µs|ms)$/);
    assert.not.match(await page.content(), /secret\.invalid/);

    await bob.close();
    await shows(page, '#clients', '1');
    await page.locator('.user.idle').waitFor();
    await ann.close();
    await page.getByText('Nobody is here yet.').waitFor();
    assert.equal(complaints, []);
  });
});

inBrowser('a page that is opened later shows what was before', async () => {
  await withExchange(ENV, async (exchange) => {
    const [ann, bob] = await TestClient.pair(exchange, 'ann', 'bob');
    for (let n = 0; n < 3; n++) await ask(ann, bob);
    const stats = async () => JSON.parse((await httpRequest(exchange, '/api/stats')).text);
    await eventually(async () => (await stats()).latest[1]?.[2] > 0, 'the messages to be in the history');
    await Promise.all([ann.close(), bob.close()]);
    await eventually(async () => (await stats()).latest[0][4] === 0, 'a second without clients');

    const { page, complaints } = await look(exchange);
    await shows(page, '#clients', '0');
    await shows(page, '#chart-clients-note', 'most 2');
    for (const [range, words] of [
      ['1 minute', 'the last minute'],
      ['15 minutes', 'the last 15 minutes'],
      ['24 hours', 'the last 24 hours'],
    ] as const) {
      await page.getByRole('radio', { name: range }).check();
      await shows(page, '#chart-rate-note', new RegExp(`^peak \\d[\\d.]*, mean \\d[\\d.]* in ${words}$`));
    }
    assert.match(page.url(), /#24h$/);

    // The address is all that remembers the range: a screen on a wall comes back to its own.
    const again = await look(exchange, { hash: '#15m' });
    assert.ok(await again.page.getByRole('radio', { name: '15 minutes' }).isChecked());
    await shows(again.page, '#chart-rate-note', /15 minutes$/);
    assert.equal([...complaints, ...again.complaints], []);
  });
});

inBrowser('every chart is drawn, and anew when the theme or the range changes', async () => {
  await withExchange(ENV, async (exchange) => {
    const [ann, bob] = await TestClient.pair(exchange, 'ann', 'bob');
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
    assert.is(light.length, 5);
    await page.emulateMedia({ colorScheme: 'dark' });
    await eventually(
      async () => (await drawn()).every(({ picture }, index) => picture !== light[index]?.picture),
      'the charts to change with the theme',
    );
    const dark = await drawn();
    await page.getByRole('radio', { name: '24 hours' }).check();
    await eventually(
      async () => (await drawn()).every(({ picture }, index) => picture !== dark[index]?.picture),
      'the charts to change with the range',
    );
    await Promise.all([ann.close(), bob.close()]);
    assert.equal(complaints, []);
  });
});

inBrowser('it says when it is cut off, and returns with the exchange and what it knew before', async () => {
  const env = { ...ENV, PORT: `${await freePort(seededChance('port'))}` };
  await withExchange(env, async (first) => {
    const [ann, bob] = await TestClient.pair(first, 'ann', 'bob');
    await ask(ann, bob);
    const { page } = await look(first);
    await shows(page, '#chart-clients-note', 'most 2');
    await first.stop('SIGKILL');
    await page.getByText('Cut off from the exchange.').waitFor();
    await page.getByText(/^Trying again( in \d+ s)?…$/).waitFor();
    await shows(page, '#state', /^Cut off at \d\d:\d\d$/);
    const opacity = await page.locator('.facts').evaluate((facts) => Number(getComputedStyle(facts).opacity));
    assert.ok(opacity < 1, 'what is old is grey');
    assert.is(await page.title(), 'Cut off · mAGI exchange');

    await withExchange(env, async (second) => {
      // On a busy machine several tries may come before the exchange is up, each later than the one before.
      await shows(page, '#state', 'Live', { timeout: 40_000 });
      await page.getByText('Cut off from the exchange.').waitFor({ state: 'hidden' });
      const client = await TestClient.identified(second, 'ann');
      await shows(page, '#clients', '1');
      await shows(page, '#chart-clients-note', 'most 2');
      await client.close();
    });
  });
});

inBrowser('a button tries again at once', async () => {
  const env = { ...ENV, PORT: `${await freePort(seededChance('port'))}` };
  await withExchange(env, async (first) => {
    const { page } = await look(first);
    await first.stop('SIGKILL');
    await page.getByText('Cut off from the exchange.').waitFor();
    await withExchange(env, async () => {
      await page.getByRole('button', { name: 'Try now' }).click();
      // Not when it would have tried by itself.
      await shows(page, '#state', 'Live', { timeout: 10_000 });
    });
  });
});

inBrowser('what was refused is counted by kind and by reason', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page, complaints } = await look(exchange);
    await page.getByText('Nothing was refused yet.').waitFor();
    await tryWrongCode(exchange);
    await tryWrongCode(exchange);
    const client = await TestClient.identified(exchange, 'ann');
    assert.is((await client.request('{')).code, 'bad_message');
    await shows(page, '#refused', '3');
    await shows(page, '#refused-codes', '2');
    await shows(page, '#refused-limits', '0');
    await shows(page, '#refused-others', '1');
    await shows(page, '#chart-refused-note', '3 in the last minute');
    const reasons = page.locator('.bar');
    await reasons.nth(1).waitFor();
    assert.equal(await page.locator('.bar-code').allTextContents(), ['invalid_code', 'bad_message']);
    await reasons.first().filter({ hasText: 'wrong or used invite code' }).waitFor();

    // More kinds than there is room for: those that are left over are one number.
    for (const type of ['zzz', 'ask', 'answer', 'create_invite', 'list_connections'])
      await client.request({ type, content: 5, to: 'nobody' });
    await client.request({ type: 'ask', content: 'x', to: 'nobody' }, 'error');
    await client.request({ type: 'identify', username: 'somebody else' }, 'error');
    await client.request({ type: 'connect', code: '222222', username: ' ' }, 'error');
    await eventually(async () => (await reasons.count()) === 5, 'five reasons');
    await shows(page, '#reasons-note', /^\d+ for other reasons$/);
    await client.close();
    assert.equal(complaints, []);
  });
});

inBrowser('a limit that was hit is counted as one', async () => {
  await withExchange({ ...ENV, QUESTIONS_PER_MINUTE: '1' }, async (exchange) => {
    const { page } = await look(exchange);
    const [ann, bob] = await TestClient.pair(exchange, 'ann', 'bob');
    for (let n = 0; n < 10; n++) await ask(ann, bob);
    assert.is((await ann.request({ type: 'ask', content: 'One too many' })).code, 'rate_limited');
    await shows(page, '#refused-limits', '1');
    await Promise.all([ann.close(), bob.close()]);
  });
});

inBrowser('the share of guests', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page } = await look(exchange);
    const guests = [await TestClient.identified(exchange, 'ann'), await TestClient.identified(exchange, 'bob')];
    await shows(page, '#share-note', '100 % guests, 0 with a key');
    const keyed = await new KeyedUser('cy').come(exchange);
    await shows(page, '#share-note', '67 % guests, 1 with a key');
    for (const guest of guests) await guest.close();
    await shows(page, '#share-note', '0 % guests, 1 with a key');
    await keyed.close();
    await shows(page, '#share-note', '');
  });
});

inBrowser('a crowd is shown as avatars, and closes its ranks when somebody leaves', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page, complaints } = await look(exchange);
    const clients: TestClient[] = [];
    for (let n = 0; n < 12; n++) clients.push(await TestClient.identified(exchange, `user ${n}`, `${n % 10}`));
    await eventually(async () => (await page.locator('.crowd .user').count()) === 12, 'the crowd');
    const place = (at: number) => page.locator('.user').nth(at).boundingBox();
    const [before, second] = [await place(0), await place(1)];
    assert.ok(before !== null && second !== null && second.x > before.x && second.y === before.y, 'side by side');
    await clients[0]?.close();
    await eventually(async () => (await page.locator('.user').count()) === 11, 'somebody to leave');
    assert.equal(await place(0), before);
    assert.is(
      await page
        .locator('.user')
        .first()
        .getAttribute('title')
        .then((title) => /: idle, here for \d/.test(title ?? '')),
      true,
    );
    for (const client of clients.slice(1)) await client.close();
    await page.getByText('Nobody is here yet.').waitFor();
    assert.equal(complaints, []);
  });
});

inBrowser('what the operator should know stands at the head of the page', async () => {
  await withExchange({ ...ENV, ADMIN_PASSWORD: 'magi2024' }, async (exchange) => {
    const { page, complaints } = await look(exchange);
    await shows(page, '#verdict', 'The trial password is in use');
    const whatToDo = page.getByText(/Set ADMIN_PASSWORD/);
    assert.ok(await whatToDo.isHidden());
    await page.getByRole('button', { name: 'What to do' }).click();
    await whatToDo.waitFor();

    // Who passes requests on and is not trusted is found out by the first such request.
    await httpRequest(exchange, '/api/stats', { headers: { 'X-Forwarded-For': '192.0.2.1' } });
    await shows(page, '#verdict', '2 things to know');
    await page.getByText(/Set TRUST_PROXY/).waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await whatToDo.waitFor({ state: 'hidden' });
    assert.equal(complaints, []);
  });
});

inBrowser('when there is nothing to know, it says so', async () => {
  await withExchange(ENV, async (exchange) => {
    const { page } = await look(exchange);
    await shows(page, '#verdict', 'Nothing needs your attention');
    await page.getByRole('button', { name: 'What to do' }).waitFor({ state: 'hidden' });
  });
});

inBrowser('an address that others can reach, by any name', async () => {
  await withExchange({ ...ENV, HOST: '0.0.0.0' }, async (exchange) => {
    const { page } = await look(exchange);
    await shows(page, '#verdict', 'PUBLIC_HOSTS is not set');
  });
});

inBrowser('many guessed codes are something to know', async () => {
  await withExchange({ ...ENV, WRONG_CODES_TOTAL: '2' }, async (exchange) => {
    const { page } = await look(exchange);
    for (let n = 0; n < 3; n++) await tryWrongCode(exchange);
    await shows(page, '#verdict', exactly('Many wrong invite codes'));
    await page.locator('#refused-codes.bad').waitFor();
  });
});

test.run();

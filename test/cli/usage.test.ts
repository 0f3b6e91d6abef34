/** Command lines that are wrong, settings that are missing, and the help: one line each, and the exit codes that are documented. */
import * as assert from 'uvu/assert';
import { COMMANDS } from '../../src/cli/commands.ts';
import { suite } from '../harness.ts';
import { endTypists, Typist } from './typist.ts';

const test = suite('cli: usage');
test.after(endTypists);

const somebody = new Typist({ url: 'http://127.0.0.1:9' }, 'ada');

test('a wrong command line is one line and exit code 2', async () => {
  const wrong: [args: string[], reason: RegExp][] = [
    [['nonsense'], /no command "nonsense"\. Try magi-exchange --help\./],
    [['--nonsense'], /no option "--nonsense"/],
    [['ask', 'grace'], /ask takes FRIEND TEXT\. Try magi-exchange help ask\./],
    [['ask', 'grace', 'what', 'is', 'it'], /"is" is one word too many: .* quotes around a text of several words/],
    [['ask', 'grace', '--quickly', 'x'], /Unknown option '--quickly'\. Text that begins with - goes after --\./],
    [['ask', 'grace', 'x', '--timeout'], /--timeout/],
    [['ask', 'grace', 'x', '--timeout', '5m'], /takes a number of seconds/],
    [['ask', 'grace', 'x', '--timeout', '5', '--no-wait'], /do not go together/],
    [['ask', 'grace', ' '], /no text to send/],
    [['inbox', '-n', '0'], /--number takes a whole number of at least 1/],
    [['inbox', '--follow', '3'], /--follow/],
    [['friends', 'grace'], /"grace" is one word too many: friends takes none/],
    [['policy', 'grace', 'maybe'], /"maybe" is no policy/],
    [['identity', 'export'], /identity takes nothing, export FILE or import FILE/],
    [['identity', 'sell', 'x'], /identity takes nothing/],
    [['help', 'nonsense'], /no help for "nonsense"/],
    [['status', '--json=yes'], /--json/],
  ];
  for (const [args, reason] of wrong) assert.match(await somebody.refused(2, ...args), reason, args.join(' '));
  assert.equal(await somebody.document(2, 'ask'), { error: { code: 'usage', message: 'ask takes FRIEND TEXT.' } });
});

test('without settings, one line says how to set up', async () => {
  const nobody = somebody.with({ MAGI_SERVER: '', MAGI_USERNAME: '' });
  for (const args of [['status'], ['ask', 'grace', 'x'], ['inbox'], ['invite'], ['connect', 'BQ55JS'], ['wait']])
    assert.match(
      await nobody.refused(78, ...args),
      /MAGI_SERVER and MAGI_USERNAME not set: say where /,
      args.join(' '),
    );
  assert.match(await somebody.refused(78, 'status', '--server', 'http://magi.example.org'), /in the clear.*insecure/);
  assert.match(await somebody.refused(78, 'status', '--server', 'ftp://x'), /MAGI_SERVER takes/);
  const insecure = await somebody.run('status', '--server', 'ws://no-such-host.invalid', '--insecure', '--json');
  assert.equal([insecure.code, JSON.parse(insecure.stdout).error.code], [75, 'unreachable']);
  const published = nobody.with({ BRAINXCHANGE_SERVER: 'ws://127.0.0.1:9', BRAINXCHANGE_EMAIL: 'ada@example.org' });
  assert.is(JSON.parse((await published.run('status', '--json')).stdout).username, 'ada@example.org');
});

test('every command has help, and the overview has every command', async () => {
  const overview = await somebody.done('--help');
  assert.is(await somebody.done('help'), overview);
  assert.match(overview, /For everybody:.+For the operator of an exchange:.+Exit codes:/s);
  for (const [name, { words, summary }] of Object.entries(COMMANDS)) {
    assert.ok(overview.includes(`  ${`${name} ${words}`.trimEnd()}`) && overview.includes(summary), name);
    const text = await somebody.done('help', name);
    assert.is(await somebody.done(name, '--help'), text);
    assert.ok(text.startsWith(`magi-exchange ${name}`), name);
    assert.match(text, /--json/);
    for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
  }
  const [people = ''] = overview.split('For the operator');
  for (const line of people.split('\n')) assert.ok(line.length <= 80, line);
});

test.run();

/**
 * `npm run demo:bridge`: all that can happen between two people and their assistants, in a terminal, in a few seconds. The exchange, the
 * bridges and the owners' terminals are real processes; only what the assistants say was written before. Each step is checked, and the
 * demo ends with 1 at the first that does not give what it should.
 *
 * It stands here and not beside `npm run demo` in src/cli, which is shipped: its assistants are the MCP SDK's own client, which only
 * developers have, and the tests of the bridge drive it already.
 */
import { within } from '../harness.ts';
import { Page, QUOTED_COLUMNS } from './demo-page.ts';
import { SCENES, Story } from './demo-scenes.ts';
import { Stage } from './demo-stage.ts';

const startedAt = performance.now();
const page = new Page();
let stage: Stage | undefined;
let scene = 0;
let leaving: Promise<never> | undefined;

/** Ends everything at once, with this exit code. */
function leave(code: number): Promise<never> {
  page.end();
  leaving ??= (stage?.abandon() ?? Promise.resolve()).then(() => process.exit(code));
  return leaving;
}
process.on('SIGINT', () => leave(130));
process.on('SIGTERM', () => leave(143));
process.on('SIGHUP', () => leave(129));
// Who has read enough closes the pipe.
process.stdout.on('error', () => leave(1));

async function play(): Promise<void> {
  page.plain('Ada and Grace, an assistant each (ada, grace), and one mAGI Exchange', 'bold');
  page.plain('→ calls a tool  ← its model reads  ! is woken  ? asks its owner  ✓ delivered');
  stage = new Stage(QUOTED_COLUMNS);
  const story = await Story.begin(stage, page);
  for (const [title, playScene] of SCENES) {
    page.heading(`${++scene}  ${title}`);
    await playScene(story);
  }
  const { asked, answered, declined } = await story.nothingIsLost();
  const faults = await within(stage.close(), 'everybody to leave');
  if (faults.length > 0) throw new Error(`the exchange had faults of its own: ${faults.join(' ')}`);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  page.heading(
    `${scene} scenes, ${seconds} s: ${asked} questions, ${answered} answers, ${declined} refusal, nothing lost`,
  );
}

try {
  await play();
  process.exit(0);
} catch (error) {
  page.end();
  if (leaving === undefined)
    process.stderr.write(`Scene ${scene} has failed: ${error instanceof Error ? error.message : error}\n`);
  await leave(1);
}

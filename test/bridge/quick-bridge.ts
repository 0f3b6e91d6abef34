/** The bridge as it is, with an assistant that is woken in a hurry: the times of the notices, in milliseconds, are in WAKE_TIMES. */
import { serveOnStdio } from '../../src/bridge/stdio.ts';

const [headStartMs = 0, ...againMs] = (process.env.WAKE_TIMES ?? '').split(',').map(Number);
serveOnStdio('0.0.0', {}, false, { headStartMs, againMs });

/** Loaded before everything else (`NODE_OPTIONS=--import`): the process lives MAGI_TEST_CLOCK_MS later than everybody else. */
const laterMs = Number(process.env.MAGI_TEST_CLOCK_MS ?? 0);
const { now } = Date;
Date.now = () => now() + laterMs;

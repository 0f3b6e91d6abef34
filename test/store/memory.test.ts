/** The store that keeps nothing beyond the process. */
import { memoryStore } from '../../src/store/memory.ts';
import { storeContract } from './contract.ts';

const test = storeContract('memory', async () => ({ store: memoryStore(), close: async () => {} }));

test.run();

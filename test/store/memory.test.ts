/** The store in memory. */
import { memoryStore } from '../../src/store/memory.ts';
import { storeContract } from './contract.ts';

const test = storeContract('memory', () => ({ open: () => memoryStore(1), remove: () => {} }));

test.run();

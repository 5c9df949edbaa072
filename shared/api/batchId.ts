/** Names of batches. They sort by time, the newest first. */
import { timeIds } from './timeId.ts';

export const BATCH_IDS = timeIds('batch');

/**
 * fast-check with the same seed in every run, so that what fails does so again, for everybody. `FOURM_TEST_SEED` draws
 * other cases: a whole number.
 */
import fc from 'fast-check';

const FIXED = 20_240_613;

/** What cases are drawn from, also by tests that draw some of their own. */
export const SEED = Number(process.env.FOURM_TEST_SEED ?? FIXED);
if (!Number.isSafeInteger(SEED)) throw new Error('FOURM_TEST_SEED has to be a whole number');

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });

export { fc };

/** Which settings of an index are chosen, on tables of what each would find and take. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fastestSettings, type Measured } from '../../worker/retrieval/tuning.ts';

const PARTITIONS = 100;

/** Measures by formulas, and counts how often. */
function index(
  recall: (nprobes: number, refine: number) => number,
  milliseconds: (nprobes: number, refine: number) => number,
) {
  const asked: string[] = [];
  const measured = async (nprobes: number, refine: number): Promise<Measured> => {
    asked.push(`${nprobes}/${refine}`);
    const found = { recall: recall(nprobes, refine), milliseconds: milliseconds(nprobes, refine) };
    return { nprobes, refine, ...found };
  };
  // Each setting takes half a minute to measure.
  const late = () => asked.length * 30_000;
  return {
    asked,
    choose: () => fastestSettings(PARTITIONS, measured),
    chooseSlowly: () => fastestSettings(PARTITIONS, measured, late),
  };
}

test('candidates are taken instead of partitions where they are cheaper', async () => {
  const found = (nprobes: number, refine: number) =>
    Math.min(1, 0.8 + 0.1 * Math.log10(nprobes) + 0.05 * Math.log10(refine));
  const cheapCandidates = index(found, (nprobes, refine) => nprobes + refine / 100);
  const cheap = await cheapCandidates.choose();
  const dearCandidates = index(found, (nprobes, refine) => nprobes / 100 + refine);
  const dear = await dearCandidates.choose();
  assert.ok(cheap && dear);
  assert.ok(cheap.recall >= 0.965 && dear.recall >= 0.965);
  assert.equal(cheap.refine, 100);
  assert.equal(dear.refine, 10);
  assert.ok(cheap.nprobes < dear.nprobes);
});

test('nothing is measured that is slower than what finds enough', async () => {
  const easy = index(
    (nprobes) => (nprobes >= 4 ? 0.99 : 0.5),
    (nprobes, refine) => nprobes + refine,
  );
  assert.deepEqual(
    { ...(await easy.choose()) },
    {
      nprobes: 4,
      refine: 10,
      recall: 0.99,
      milliseconds: 14,
    },
  );
  assert.deepEqual(easy.asked, ['2/10', '4/10', '2/20', '2/40', '2/100']);
});

test('what finds most is chosen where nothing finds enough, and vain steps are not gone on with', async () => {
  const hard = index(
    (_, refine) => 0.5 + refine / 1000,
    (nprobes, refine) => nprobes + refine,
  );
  const chosen = await hard.choose();
  assert.equal(chosen?.refine, 100);
  assert.equal(hard.asked.length, 12);
});

test('measuring ends after a minute where something finds enough, and after three where nothing does', async () => {
  const easy = index(
    (nprobes) => (nprobes >= 6 ? 0.99 : 0.5),
    (nprobes, refine) => nprobes + refine,
  );
  assert.equal((await easy.chooseSlowly())?.nprobes, 6);
  assert.equal(easy.asked.length, 3);
  const hard = index(
    (nprobes, refine) => 0.5 + nprobes / 1000 + refine / 10_000,
    (nprobes, refine) => nprobes + refine,
  );
  assert.ok((await hard.chooseSlowly())?.recall);
  assert.equal(hard.asked.length, 7);
});

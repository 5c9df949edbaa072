/** `npm run compare -- OUT CASE_DIR`: how far an exported model is from reference vectors. */
import { parseArgs } from 'node:util';
import { SafetensorsError } from '../safetensors/header.ts';
import { SessionError } from '../session/types.ts';
import { compareCase } from './compareCase.ts';
import { CompareError } from './errors.ts';
import { formatReport } from './report.ts';

const USAGE = `usage: npm run compare -- OUT CASE_DIR

  OUT       an exported folder
  CASE_DIR  inputs and expected outputs in the layout of the reference vectors

Prints each output's largest error relative to its largest expected value. Exits with 1 where one is
above its tolerance, with 2 where there is nothing to compare.`;

/** @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  const { positionals } = parseArgs({ args: [...args], allowPositionals: true, options: {} });
  const [out, caseFolder, ...extra] = positionals;
  if (out === undefined || caseFolder === undefined || extra.length > 0) {
    console.error(USAGE);
    return 2;
  }
  const { manifest, report, passed } = await compareCase(out, caseFolder);
  const title = `${out}  ${manifest.kind} ${manifest.id}, ${manifest.precision}, against ${caseFolder}`;
  console.log(formatReport(title, report));
  return passed ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const expected =
    error instanceof CompareError ||
    error instanceof SafetensorsError ||
    error instanceof SessionError ||
    (error instanceof Error && 'code' in error);
  if (!expected) throw error;
  console.error(`compare: ${error.message}`);
  process.exitCode = 2;
}

/** `node cannon.js FILE`: load as the file says (options of autocannon, the body in base64), whose report it prints. */
import { readFile } from 'node:fs/promises';

type Run = (options: object) => Promise<object>;

const { body, ...options } = JSON.parse(await readFile(String(process.argv[2]), 'utf8'));
// The package has no types.
const name: string = 'autocannon';
const { default: run } = (await import(name)) as { default: Run };
const report = await run({ ...options, body: Buffer.from(body, 'base64') });
console.log(JSON.stringify(report));

/** `npm run models:push -- FOLDER`: an exported set into the object store, where workers find it. */
import { formatSize } from '../byteSize.ts';
import { SessionError } from '../session/types.ts';
import { parseStore } from '../storeConfig.ts';
import { RemoteModelError } from './errors.ts';
import { bytesOf } from './fetch.ts';
import { pushSet } from './push.ts';
import { indexKey } from './storedSet.ts';

const USAGE = `usage: FOURM_MODELS_STORE=disk|s3 npm run models:push -- FOLDER

  FOLDER  an exported set, such as .data/models/4m21-b

The store is the one of FOURM_STORE_DIR, or of S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_ACCESS_KEY_ID and
S3_SECRET_ACCESS_KEY. Parts that are there already are not stored again.`;

async function main(args: readonly string[]): Promise<number> {
  const open = parseStore(process.env);
  const [folder, ...others] = args;
  if (!open || folder === undefined || folder.startsWith('-') || others.length > 0) {
    console.error(USAGE);
    return 2;
  }
  const store = await open(({ message }) => console.error(message));
  let done = 0;
  const stored = await pushSet(store, folder, (bytes) => {
    done += bytes;
    if (process.stderr.isTTY) process.stderr.write(`\r${formatSize(done)} `);
  });
  const { set } = stored;
  const size = formatSize(bytesOf(stored));
  console.log(`${indexKey(set.id)} in the ${store.kind} store: ${size}, digest ${set.digest}`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isExpected = error instanceof RemoteModelError || error instanceof SessionError;
  if (!isExpected && !(error instanceof Error)) throw error;
  console.error(`models:push: ${error.message}`);
  process.exitCode = 1;
}

/** `npm run keys -- COMMAND`: API keys and tenants, in the store that the edge reads. */
import { join } from 'node:path';
import { createAccountStore } from '../../shared/credit/accountStore.ts';
import { createKeyStore } from '../../shared/keys/keyStore.ts';
import { parseSharedStore } from '../../worker/storeConfig.ts';
import { CommandError, runCommand } from './commands.ts';

const { FOURM_DATA_DIR: data = '.data' } = process.env;
try {
  const open = parseSharedStore({
    FOURM_STORE: 'disk',
    FOURM_STORE_DIR: join(data, 'store'),
    ...process.env,
  });
  if (!open) throw new CommandError('FOURM_STORE must be disk or s3, where edges find the keys');
  const store = await open((entry) => console.error(entry.message));
  const credit = { store, accounts: createAccountStore(store) };
  const keys = createKeyStore(store);
  const lines = await runCommand(keys, process.argv.slice(2), Date.now(), credit);
  console.log(lines.join('\n'));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof CommandError ? 2 : 1;
}

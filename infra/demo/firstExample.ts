/** The answer that the playground's first screen shows: everything the demo model predicts from a picture. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '../../shared/client/index.ts';
import { itemAt } from '../../shared/lookup.ts';
import { repositoryRoot } from '../paths.ts';

/**
 * Writes it, without the exact values, which nobody looks at there.
 * @param name of the example picture, whose file the page holds as well
 * @param rgb data URL of that file
 */
export async function writeFirstExample(client: Client, name: string, rgb: string): Promise<void> {
  const { models } = await client.models();
  const targets = itemAt(models, 0, 'models')
    .modalities.filter(({ output, presentation }) => output && presentation !== 'rgb')
    .map((modality) => modality.name);
  const response = await client.generate({ inputs: { rgb }, targets }, { inline: true });
  const outputs = Object.entries(response.outputs).map(([target, samples]) => [
    target,
    samples.map(({ data: _, data_type: __, array: ___, ...sample }) => sample),
  ]);
  const shown = { ...response, outputs: Object.fromEntries(outputs) };
  const text = JSON.stringify({ picture: name, response: shown });
  await writeFile(join(repositoryRoot, 'edge/playground/firstExample.json'), `${text}\n`);
}

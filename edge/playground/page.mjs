// The playground as a page: its parts, and the example pictures that are built into its script.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const examplesFolder = join(here, '..', '..', 'examples');

const examplePictures = ['scene-1.png', 'scene-2.png', 'scene-3.png', 'scene-4.png']
  .map((name) => ({ name, file: join(examplesFolder, name) }))
  .filter(({ file }) => existsSync(file))
  .map(({ name, file }) => ({
    name,
    path: `examples/${name}`,
    url: `data:image/png;base64,${readFileSync(file).toString('base64')}`,
  }));

// What the demo model answered to one of them; `npm run demo:pictures` writes it.
const exampleFile = join(here, 'firstExample.json');
const firstExample = existsSync(exampleFile) ? readFileSync(exampleFile, 'utf8') : 'null';

export const playground = {
  name: 'playground',
  html: join(here, 'page.html'),
  script: join(here, 'main.ts'),
  style: join(here, 'style.css'),
  define: { EXAMPLE_PICTURES: JSON.stringify(examplePictures), FIRST_EXAMPLE: firstExample },
};

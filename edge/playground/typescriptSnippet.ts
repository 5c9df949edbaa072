/** A request in TypeScript that any Node runs without an install. */
import { bodyOf, literal, type Notation, type SnippetRequest } from './snippet.ts';

const NOTATION: Notation = {
  key: (name) => (/^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name)),
  file: (path) => `await readFile(${JSON.stringify(path)}, 'base64')`,
  words: { true: 'true', false: 'false', null: 'null' },
};

export function typescriptSnippet(request: SnippetRequest): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code that is shown
  const key = request.hasKey ? ['    authorization: `Bearer ${env.FOURM_KEY}`,'] : [];
  const reads = request.inputs.some(({ kind }) => kind === 'file') ? 'readFile, ' : '';
  return [
    `import { ${reads}writeFile } from 'node:fs/promises';`,
    ...(request.hasKey ? ["import { env } from 'node:process';"] : []),
    '',
    `const request = ${literal(bodyOf(request), NOTATION)};`,
    `const response = await fetch('${request.origin}/v1/generate?inline=true', {`,
    "  method: 'POST',",
    '  headers: {',
    "    'content-type': 'application/json',",
    ...key,
    '  },',
    '  body: JSON.stringify(request),',
    '});',
    'interface Output { sample: number; tokens: number[]; image?: string; text?: string; value?: unknown }',
    'interface Answer { detail?: string; outputs: Record<string, Output[]> }',
    'const answer = (await response.json()) as Answer;',
    'if (!response.ok) throw new Error(answer.detail);',
    'for (const [target, outputs] of Object.entries(answer.outputs)) {',
    '  for (const { sample, tokens, image, text, value } of outputs) {',
    "    const [, picture] = image?.split(',') ?? [];",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code that is shown
    "    if (picture) await writeFile(`${target}-${sample}.png`, Buffer.from(picture, 'base64'));",
    '    else console.log(target, value ?? text ?? tokens);',
    '  }',
    '}',
  ].join('\n');
}

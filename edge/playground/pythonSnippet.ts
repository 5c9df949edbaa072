/** A request in Python, with its standard library alone. */
import { bodyOf, literal, type Notation, type SnippetRequest } from './snippet.ts';

const NOTATION: Notation = {
  key: (name) => JSON.stringify(name),
  file: (path) => `read(${JSON.stringify(path)})`,
  words: { true: 'True', false: 'False', null: 'None' },
};

export function pythonSnippet(request: SnippetRequest): string {
  const key = request.hasKey ? [`    "authorization": "Bearer " + os.environ["FOURM_KEY"],`] : [];
  return [
    `import base64, json${request.hasKey ? ', os' : ''}, urllib.error, urllib.request`,
    'from pathlib import Path',
    '',
    'def read(path):',
    '    return base64.b64encode(Path(path).read_bytes()).decode()',
    '',
    `request = ${literal(bodyOf(request), NOTATION)}`,
    'headers = {',
    '    "content-type": "application/json",',
    ...key,
    '}',
    `call = urllib.request.Request("${request.origin}/v1/generate?inline=true", json.dumps(request).encode(), headers)`,
    'try:',
    '    answer = json.load(urllib.request.urlopen(call))',
    'except urllib.error.HTTPError as error:',
    '    raise SystemExit(json.load(error)["detail"])',
    'for target, outputs in answer["outputs"].items():',
    '    for output in outputs:',
    '        if "image" in output:',
    '            picture = base64.b64decode(output["image"].split(",")[1])',
    '            Path(f"{target}-{output[\'sample\']}.png").write_bytes(picture)',
    '        else:',
    '            print(target, output.get("value", output.get("text", output["tokens"])))',
  ].join('\n');
}

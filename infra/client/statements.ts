/** Statements of the declaration files that the compiler writes: a line that begins one is not indented. */

export interface Statement {
  /** What it declares. */
  readonly name: string;
  /** With the comment above it, without `export` and `declare`. */
  readonly text: string;
  readonly kind: 'type' | 'interface' | 'class' | 'function' | 'const';
}

export interface DeclarationFile {
  readonly statements: readonly Statement[];
  /** Imported or exported again: own name -> the specifier of the file that has it. */
  readonly from: ReadonlyMap<string, string>;
  /** Names that are exported again from other files. */
  readonly exportedAgain: readonly string[];
}

const DECLARED =
  /^(?:export )?(?:declare )?(?:abstract )?(type|interface|class|function|const) (\w+)/m;
const PASSED_ON = /^(import|export)(?: type)? \{([^}]*)\} from '([^']+)';/;

/** Cut before each line that begins a statement or the comment above one. */
function cut(text: string): string[] {
  const pieces: string[] = [];
  let comment = '';
  for (const part of text.split(/^(?=\/\*\*|import |export |declare |type |interface |\/\/# )/m)) {
    if (part.startsWith('/**')) comment = part;
    else {
      pieces.push(comment + part);
      comment = '';
    }
  }
  return pieces;
}

/** @throws Error for a statement of a form that is not known here */
export function readDeclarations(text: string): DeclarationFile {
  const statements: Statement[] = [];
  const from = new Map<string, string>();
  const exportedAgain: string[] = [];
  for (const piece of cut(text)) {
    const bare = piece.replace(/^\/\*\*[\s\S]*?\*\/\s*/, '').trim();
    if (bare === '' || /^(export \{\};|\/\/#|import \* as z from 'zod')/.test(bare)) continue;
    const passed = PASSED_ON.exec(bare);
    if (passed) {
      const [, verb, list = '', specifier = ''] = passed;
      const names = list.split(',').map((name) => name.trim().replace(/^type /, ''));
      for (const name of names.filter((one) => one !== '')) {
        if (name.includes(' as ')) throw new Error(`${name} has two names`);
        from.set(name, specifier);
        if (verb === 'export') exportedAgain.push(name);
      }
      continue;
    }
    const [, kind, name] = DECLARED.exec(bare) ?? [];
    if (kind === undefined || name === undefined)
      throw new Error(`a statement of an unknown form: ${bare.slice(0, 200)}`);
    const above = piece.slice(0, piece.indexOf(bare));
    const rest = bare.replace(/^export /, '').replace(/^declare /, '');
    statements.push({ name, kind: kind as Statement['kind'], text: above + rest });
  }
  return { statements, from, exportedAgain };
}

/** As much of PromQL as it takes to see which series a query reads, and which labels it uses of them. */

export interface QueriedSeries {
  readonly name: string;
  /** Labels that are matched in its braces. */
  readonly labels: readonly string[];
}

export interface Query {
  readonly series: readonly QueriedSeries[];
  /** Labels that results are grouped or joined by. */
  readonly groups: readonly string[];
}

const WORDS = new Set([
  'and',
  'or',
  'unless',
  'bool',
  'offset',
  'inf',
  'nan',
  'start',
  'end',
  'atan2',
]);
const GROUPING = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const TOKEN =
  /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\[[^\]]*\]|[a-zA-Z_:][\w:]*|\d[\w.]*|=~|!~|!=|==|>=|<=|[^\s]/g;

/** @param text a query, in which Grafana's variables may stand. @throws Error for a brace without its end */
export function readQuery(text: string): Query {
  const tokens =
    text
      .replaceAll(/\$\{?\w+(?::\w+)?\}?/g, '5m')
      .match(TOKEN)
      ?.map(String) ?? [];
  const series: QueriedSeries[] = [];
  const groups: string[] = [];
  const isName = (token: string | undefined): token is string => /^[a-zA-Z_:]/.test(token ?? '');
  const closing = (from: number, mark: string): number => {
    const end = tokens.indexOf(mark, from);
    if (end < 0) throw new Error(`a ${mark} is missing in ${text}`);
    return end;
  };
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    if (!isName(token)) continue;
    if (GROUPING.has(token)) {
      if (tokens[at + 1] !== '(') continue;
      const end = closing(at, ')');
      groups.push(...tokens.slice(at + 2, end).filter(isName));
      at = end;
    } else if (WORDS.has(token.toLowerCase()) || tokens[at + 1] === '(') {
      // A function or an aggregation; in `sum by (model) (...)` the labels come first.
    } else if (GROUPING.has(tokens[at + 1] ?? '')) {
      // An aggregation whose labels come first.
    } else {
      const hasBraces = tokens[at + 1] === '{';
      const end = hasBraces ? closing(at, '}') : at;
      const inside = tokens.slice(at + 2, end);
      const labels = hasBraces
        ? inside.filter(
            (one, i) => isName(one) && ['=', '=~', '!=', '!~'].includes(inside[i + 1] ?? ''),
          )
        : [];
      series.push({ name: token, labels });
      at = end;
    }
  }
  return { series, groups };
}

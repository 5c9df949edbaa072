/** The view of what was charged: the credit that is left, and sums of the last days by what one wants to tell apart. */
import type { UsageGroup, UsageResponse, UsageRow } from '../../shared/api/usage.ts';
import type { Client } from '../../shared/client/index.ts';
import { button, element } from './dom.ts';
import { moneyText } from './price.ts';
import { showProblem } from './problems.ts';

const GROUPS: Readonly<Record<UsageGroup, string>> = {
  day: 'Day',
  key: 'Key',
  task: 'Operation',
  model: 'Model',
};
const PERIODS = { '7': 'Last 7 days', '30': 'Last 30 days', '90': 'Last 90 days' } as const;
const DAY_MILLISECONDS = 86_400_000;

/** The first day of so many that end today, in UTC. */
const firstDay = (days: number): string =>
  new Date(Date.now() - (days - 1) * DAY_MILLISECONDS).toISOString().slice(0, 10);

function facts({ balance, held, total, currency }: UsageResponse): HTMLElement {
  const fact = (title: string, text: string): HTMLElement =>
    element('div', {}, element('dt', { class: 'hint' }, title), element('dd', {}, text));
  return element(
    'dl',
    { class: 'facts' },
    fact('Credit left', moneyText(balance, currency)),
    fact('Held to be spent', moneyText(held, currency)),
    fact('Charged in this time', moneyText(total.amount - total.returned, currency)),
    fact('Units', total.units.toLocaleString('en')),
  );
}

function table({ rows, currency }: UsageResponse, by: readonly UsageGroup[]): HTMLElement {
  const cells = (row: UsageRow): string[] => [
    row.requests.toLocaleString('en'),
    row.cached.toLocaleString('en'),
    row.units.toLocaleString('en'),
    moneyText(row.amount - row.returned, currency),
  ];
  const titles = [...by.map((group) => GROUPS[group]), 'Requests', 'Stored', 'Units', 'Charged'];
  return element(
    'table',
    { class: 'report' },
    element(
      'thead',
      {},
      element('tr', {}, ...titles.map((title) => element('th', { scope: 'col' }, title))),
    ),
    element(
      'tbody',
      {},
      ...rows.map((row) =>
        element(
          'tr',
          {},
          ...by.map((group) => element('th', { scope: 'row' }, row[group] || 'none')),
          ...cells(row).map((text) => element('td', {}, text)),
        ),
      ),
    ),
  );
}

/** Builds the view; call it when it is first shown. */
export function openUsage(place: HTMLElement, client: Client): void {
  const problem = element('div', { role: 'alert' });
  const status = element('p', { class: 'status', role: 'status' });
  const shown = element('div', {
    class: 'usage',
    tabindex: 0,
    role: 'region',
    'aria-label': 'Sums',
  });
  const period = element(
    'select',
    { id: 'usage-period' },
    ...Object.entries(PERIODS).map(([value, text]) => element('option', { value }, text)),
  );
  period.value = '30';
  const boxes = (Object.keys(GROUPS) as UsageGroup[]).map((group) => ({
    group,
    input: element('input', { type: 'checkbox', checked: group === 'day', value: group }),
  }));

  let looks = 0;
  async function look(): Promise<void> {
    const own = ++looks;
    const by = boxes.filter(({ input }) => input.checked).map(({ group }) => group);
    problem.replaceChildren();
    try {
      const usage = await client.usage({ from: firstDay(Number(period.value)), groupBy: by });
      // Another choice is looked at meanwhile.
      if (own !== looks) return;
      shown.replaceChildren(facts(usage), table(usage, by));
      const { requests } = usage.total;
      const counted = `${requests.toLocaleString('en')} ${requests === 1 ? 'request' : 'requests'}`;
      status.textContent = `${counted} from ${usage.from} to ${usage.to}`;
    } catch (failure) {
      if (own !== looks) return;
      status.textContent = '';
      shown.replaceChildren();
      showProblem(problem, failure, undefined);
    }
  }
  const panel = element(
    'form',
    { class: 'panel', 'aria-label': 'What is shown' },
    element('div', { class: 'field' }, element('label', { for: period.id }, 'Time'), period),
    element(
      'fieldset',
      { class: 'ticks' },
      element('legend', {}, 'Told apart by'),
      ...boxes.map(({ group, input }) =>
        element('label', { class: 'tick' }, input, element('span', {}, GROUPS[group])),
      ),
    ),
    button('Look again', () => void look()),
  );
  panel.addEventListener('change', () => void look());
  place.replaceChildren(
    panel,
    element('section', { class: 'results', 'aria-label': 'Usage' }, problem, status, shown),
  );
  void look();
}

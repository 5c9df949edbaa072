/** How targets are decoded: of all, or of each its own; what is left empty shows what the model recommends. */
import type { PlannedTarget } from '../../shared/api/generate.ts';
import type { Modality } from '../../shared/api/models.ts';
import { element } from './dom.ts';
import { EVERY, type OwnSettings } from './formState.ts';
import { createGuidance } from './guidance.ts';
import { titleOf } from './labels.ts';

export interface TargetSettings {
  readonly node: HTMLElement;
  /** By target; those of `EVERY` hold for all that have no own. */
  read(): Record<string, OwnSettings>;
  set(settings: Readonly<Record<string, OwnSettings>>): void;
  /** The targets that can be settled, and the inputs that can be weighed. */
  offer(targets: readonly Modality[], inputs: readonly string[]): void;
  /** What the server would do now. */
  showPlan(plan: readonly PlannedTarget[]): void;
}

type Name = Exclude<keyof OwnSettings, 'guidance' | 'guidance_scale'>;
interface Setting {
  readonly name: Name;
  readonly label: string;
  readonly of: readonly Modality['type'][];
  /** Words to choose from; a number or a text otherwise. */
  readonly choices?: readonly string[];
  readonly number?: { readonly min: number; readonly max: number; readonly step: number | 'any' };
  readonly hint: string;
  readonly planned: (plan: PlannedTarget) => string | number | undefined;
}

const GRIDS = ['img'] as const;
const TEXTS = ['seq', 'seq_emb'] as const;
const ALL = [...GRIDS, ...TEXTS];
const SETTINGS: readonly Setting[] = [
  {
    ...{ name: 'steps', label: 'Steps', of: GRIDS, hint: 'pictures and vectors' },
    number: { min: 1, max: 1024, step: 1 },
    planned: ({ steps }) => (steps.length > 0 ? steps.length : undefined),
  },
  {
    ...{ name: 'scheme', label: 'Scheme', of: GRIDS, hint: 'which tokens come first' },
    choices: ['maskgit', 'roar'],
    planned: ({ scheme }) => scheme,
  },
  {
    ...{ name: 'token_schedule', label: 'Schedule', of: GRIDS, hint: 'tokens of each step' },
    choices: ['cosine', 'linear'],
    planned: () => undefined,
  },
  {
    ...{ name: 'temperature', label: 'Temperature', of: ALL, hint: '0 is greedy' },
    number: { min: 0, max: 100, step: 'any' },
    planned: ({ temperature }) => temperature,
  },
  {
    ...{ name: 'temperature_schedule', label: 'Temperature falls', of: GRIDS },
    hint: 'constant, linear, onex:0.5:0.5',
    planned: () => undefined,
  },
  {
    ...{ name: 'top_p', label: 'Top p', of: ALL, hint: '0 is off' },
    number: { min: 0, max: 1, step: 'any' },
    planned: ({ top_p }) => top_p,
  },
  {
    ...{ name: 'top_k', label: 'Top k', of: ALL, hint: '0 is off; below 1 a share' },
    number: { min: 0, max: 65536, step: 'any' },
    planned: ({ top_k }) => top_k,
  },
  {
    ...{ name: 'max_tokens', label: 'Most tokens', of: TEXTS, hint: 'of a text' },
    number: { min: 1, max: 1024, step: 1 },
    planned: ({ steps, tokens }) => (steps.length === 0 ? tokens : undefined),
  },
];

/** The settings of `own` that a target of this type has. */
export function fitting(own: OwnSettings, type: Modality['type']): OwnSettings {
  const names = SETTINGS.filter(({ of }) => of.includes(type)).map(({ name }) => name);
  const kept = Object.entries(own).filter(
    ([name]) => name.startsWith('guidance') || names.some((known) => known === name),
  );
  return Object.fromEntries(kept);
}

type Field = HTMLInputElement | HTMLSelectElement;

function fieldOf({ name, choices, number }: Setting): Field {
  const id = `setting-${name}`;
  if (choices)
    return element(
      'select',
      { id, name },
      ...['', ...choices].map((value) => element('option', { value }, value || 'default')),
    );
  const placeholder = 'default';
  return number
    ? element('input', { type: 'number', id, name, placeholder, ...number })
    : element('input', { type: 'text', id, name, placeholder, maxlength: 40 });
}

/** @param onChange called after every change by the visitor */
export function createTargetSettings(onChange: () => void): TargetSettings {
  let own: Record<string, OwnSettings> = {};
  let offered: readonly Modality[] = [];
  let plan: readonly PlannedTarget[] = [];
  const scope = element('select', { id: 'setting-scope' });
  const guidance = createGuidance(() => take());
  const fields = SETTINGS.map((setting) => {
    const input = fieldOf(setting);
    const node = element(
      'div',
      { class: 'setting' },
      element('label', { for: input.id }, setting.label),
      input,
      element('span', { class: 'hint' }, setting.hint),
    );
    return { ...setting, input, node };
  });

  function read(): OwnSettings {
    const values = fields.flatMap(({ name, number, input }) => {
      const value = input.value.trim();
      if (value === '') return [];
      return [[name, number ? Number(value) : value] as const];
    });
    return { ...Object.fromEntries(values), ...guidance.read() };
  }
  function take(): void {
    own = { ...own, [scope.value]: read() };
    onChange();
  }
  /** What the plan says of the targets of the scope, where they agree. */
  function planned({ planned: of }: Setting): string {
    const targets = plan.filter(({ target }) => scope.value === EVERY || target === scope.value);
    const values = [...new Set(targets.map(of).filter((value) => value !== undefined))];
    if (values.length === 0) return 'default';
    return values.length === 1 ? String(values[0]) : 'by target';
  }
  function showDefaults(): void {
    for (const field of fields) {
      const text = planned(field);
      if (field.input instanceof HTMLInputElement) field.input.placeholder = text;
      else if (field.input.options[0])
        field.input.options[0].textContent = text === 'default' ? text : `default: ${text}`;
    }
  }
  function show(): void {
    const settings = own[scope.value] ?? {};
    const type = offered.find(({ name }) => name === scope.value)?.type;
    for (const { name, of, input, node } of fields) {
      input.value = String(settings[name] ?? '');
      node.hidden = type !== undefined && !of.includes(type);
    }
    guidance.show(settings);
    showDefaults();
  }
  scope.addEventListener('change', show);
  for (const { input } of fields) input.addEventListener('input', take);

  const node = element(
    'div',
    {},
    element('div', { class: 'row' }, element('label', { for: scope.id }, 'Of'), scope),
    element('div', { class: 'settings' }, ...fields.map((field) => field.node)),
    guidance.node,
  );
  return {
    node,
    read: () => own,
    set(settings) {
      own = { ...settings };
      show();
    },
    offer(targets, inputs) {
      const scale = plan[0]?.guidance;
      guidance.offer(inputs, typeof scale === 'number' ? scale : undefined);
      if (targets.map(({ name }) => name).join() === offered.map(({ name }) => name).join()) return;
      const chosen = scope.value;
      offered = targets;
      scope.replaceChildren(
        element('option', { value: EVERY }, 'all targets'),
        ...targets.map(({ name }) => element('option', { value: name }, titleOf(name))),
      );
      scope.value = targets.some(({ name }) => name === chosen) ? chosen : EVERY;
      if (scope.value !== chosen) show();
    },
    showPlan(made) {
      plan = made;
      showDefaults();
    },
  };
}

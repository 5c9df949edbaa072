/** The form of the generate view: inputs, targets and settings as one state that can be read and set. */
import type { DryRunResponse, GenerateRequestBody } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import type { PresetName } from '../../shared/api/targets.ts';
import { byId, element } from './dom.ts';
import type { FormState } from './formState.ts';
import type { Picture } from './given.ts';
import { createInputs, type Inputs } from './inputs.ts';
import { knowledge } from './knowledge.ts';
import { isReading } from './pictureFiles.ts';
import { createPresets } from './presets.ts';
import { type Asked, requestOf } from './request.ts';
import { createSettings } from './settings.ts';
import { createTargetSettings } from './targetSettings.ts';
import { createTargets } from './targets.ts';

export interface GenerateForm {
  readonly inputs: Inputs;
  asked(): Asked;
  request(isJob?: boolean): GenerateRequestBody;
  state(): FormState;
  /** @param isOffered whether the page shows it by itself, so that words which are typed stand alone */
  set(state: FormState, isOffered?: boolean): void;
  /** Takes over what a dry run says. */
  showPlan(plan: DryRunResponse): void;
  /** Ticks what a preset stands for. */
  choose(targets: readonly string[] | undefined): void;
}

export interface GenerateFormOptions {
  readonly model: Model;
  /** Whether requests have to name the model. */
  readonly isOneOfMany: boolean;
  readonly examples: readonly Picture[];
  readonly onChange: () => void;
  readonly onPreset: (preset: PresetName | undefined) => void;
}

export function createGenerateForm(options: GenerateFormOptions): GenerateForm {
  const { model, isOneOfMany, examples, onChange, onPreset } = options;
  const { modalities } = model;
  let isReady = false;
  /** An example that was put in by the page: words that a visitor types stand alone. */
  let untouched: Picture | undefined;

  function changed(): void {
    if (!isReady) return;
    const read = inputs.read();
    targets.follow(Object.fromEntries(read.map(({ name, value }) => [name, value])));
    targetSettings.offer(
      targets.chosen(),
      read.map(({ name }) => name),
    );
    onChange();
  }
  const inputs = createInputs(byId('inputs', HTMLElement), {
    modalities,
    examples,
    onChange: changed,
    onTyped() {
      // A file that is still read takes the place of the example itself.
      if (isReading()) return;
      const shown = untouched;
      untouched = undefined;
      const given = inputs
        .read()
        .find(({ given: one }) => 'picture' in one && one.picture === shown);
      if (shown && given) inputs.give(given.name, undefined);
    },
  });
  const targets = createTargets(byId('targets', HTMLElement), modalities, changed);
  const presets = createPresets(model, onPreset);
  const targetSettings = createTargetSettings(changed);
  const settings = createSettings(changed);
  byId('presets', HTMLElement).append(presets.node);
  byId('settings', HTMLElement).append(
    element('details', {}, element('summary', {}, 'Settings'), targetSettings.node, settings.node),
  );
  const known = knowledge(model);
  if (known) byId('knows', HTMLElement).append(known);
  isReady = true;

  const asked = (): Asked => {
    const preset = presets.current();
    return {
      model: isOneOfMany ? model.id : undefined,
      inputs: inputs.read(),
      chosen: targets.chosen(),
      state: {
        ...settings.read(),
        settings: targetSettings.read(),
        ...(preset && { preset }),
      },
    };
  };
  return {
    inputs,
    asked,
    request: (isJob) => requestOf(asked(), isJob),
    state() {
      const { inputs: given, state } = asked();
      const own = targets.own();
      return {
        ...state,
        inputs: Object.fromEntries(given.map(({ name, given: one }) => [name, one])),
        ...(own && { targets: own }),
      };
    },
    set(state, isOffered = false) {
      isReady = false;
      inputs.clear();
      for (const [name, given] of Object.entries(state.inputs)) inputs.give(name, given);
      settings.set(state);
      targetSettings.set(state.settings);
      presets.set(state.preset);
      isReady = true;
      const [only] = isOffered ? Object.values(state.inputs) : [];
      untouched = only && 'picture' in only ? only.picture : undefined;
      const read = inputs.read();
      targets.follow(Object.fromEntries(read.map(({ name, value }) => [name, value])));
      targets.choose(state.targets);
      changed();
    },
    showPlan({ plan }) {
      targetSettings.showPlan(plan);
    },
    choose(names) {
      targets.choose(names);
      changed();
    },
  };
}

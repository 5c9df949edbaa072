/** Failures in words: next to the field they are about where there is one, and always at the top of the results. */
import { pointerSteps } from '../../shared/api/pointer.ts';
import type { Problem } from '../../shared/api/problem.ts';
import { ProblemError } from '../../shared/client/index.ts';
import { element } from './dom.ts';
import type { Inputs } from './inputs.ts';

/** The input that a pointer is about. */
const inputOf = (pointer: string): string | undefined => {
  const [field, name] = pointerSteps(pointer);
  return field === 'inputs' ? name : undefined;
};

/** Shows any failure of a request in `parent` and at its fields. */
export function showProblem(
  parent: HTMLElement,
  failure: unknown,
  inputs: Inputs | undefined,
): void {
  if (!(failure instanceof ProblemError)) {
    const reason = failure instanceof Error ? failure.message : String(failure);
    parent.replaceChildren(
      element(
        'div',
        { class: 'problem' },
        element('strong', {}, 'The server cannot be reached'),
        element('p', {}, reason),
      ),
    );
    return;
  }
  const { problem } = failure;
  for (const { pointer, detail } of problem.errors ?? []) {
    const name = inputOf(pointer);
    if (name !== undefined) inputs?.setError(name, detail);
  }
  parent.replaceChildren(problemBlock(problem));
}

function problemBlock(problem: Problem): HTMLElement {
  // Often the one error is what the detail already says.
  const fields = (problem.errors ?? [])
    .filter(({ detail }) => !problem.detail.includes(detail))
    .map(({ pointer, detail }) => element('li', {}, element('code', {}, pointer), ` ${detail}`));
  const reference = [problem.code, problem.request_id].filter((part) => part !== '').join(' · ');
  return element(
    'div',
    { class: 'problem' },
    element('strong', {}, problem.title),
    element('p', {}, problem.detail),
    fields.length > 0 && element('ul', {}, ...fields),
    problem.retryable && element('p', {}, 'Trying again may help.'),
    element('p', { class: 'hint' }, reference),
  );
}

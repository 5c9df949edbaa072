/** Failures in words: next to the field they are about where there is one, and always at the top of the results. */
import { pointerSteps } from '../../shared/api/pointer.ts';
import type { Problem } from '../../shared/api/problem.ts';
import { ProblemError } from '../../shared/client/index.ts';
import { button, element } from './dom.ts';
import type { Inputs } from './inputs.ts';
import { moneyText } from './price.ts';

/** The input that a pointer is about. */
const inputOf = (pointer: string): string | undefined => {
  const [field, name] = pointerSteps(pointer);
  return field === 'inputs' ? name : undefined;
};

/**
 * Shows any failure of a request in `parent` and at its fields.
 * @param onAgain asks the same again, where that may help
 */
export function showProblem(
  parent: HTMLElement,
  failure: unknown,
  inputs: Inputs | undefined,
  onAgain?: () => void,
): void {
  if (!(failure instanceof ProblemError)) {
    const reason = failure instanceof Error ? failure.message : String(failure);
    parent.replaceChildren(
      element(
        'div',
        { class: 'problem' },
        element(
          'strong',
          {},
          failure instanceof DOMException
            ? 'The file cannot be read: choose it again'
            : 'The server cannot be reached',
        ),
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
  parent.replaceChildren(problemBlock(failure, onAgain));
}

/** What went wrong; amounts of money as people read them. */
function detailOf({ detail, price, balance, currency }: Problem): string {
  if (price === undefined || balance === undefined || currency === undefined) return detail;
  return `This costs ${moneyText(price, currency)}, and the credit has ${moneyText(balance, currency)} left.`;
}

/** A button that can be pressed once the server may be asked again, and says how long that takes. */
function againButton(seconds: number, onAgain: () => void): HTMLElement {
  const again = button('', onAgain);
  const end = Date.now() + seconds * 1000;
  const show = (): void => {
    const left = Math.ceil((end - Date.now()) / 1000);
    again.disabled = left > 0;
    again.textContent = left > 0 ? `Try again in ${left} s` : 'Try again';
    if (left > 0) setTimeout(show, 1000);
  };
  show();
  // Its seconds would be read out one by one.
  return element('p', { 'aria-live': 'off' }, again);
}

const patience = (seconds: number | undefined): string => {
  if (seconds === undefined || seconds === 0) return 'Trying again may help.';
  return `The server asks for ${seconds === 1 ? '1 second' : `${Math.ceil(seconds)} seconds`} of patience.`;
};

function problemBlock(
  { problem, retryAfter }: ProblemError,
  onAgain: (() => void) | undefined,
): HTMLElement {
  // Often the one error is what the detail already says.
  const fields = (problem.errors ?? [])
    .filter(({ detail }) => !problem.detail.includes(detail))
    .map(({ pointer, detail }) => element('li', {}, element('code', {}, pointer), ` ${detail}`));
  const reference = [problem.code, problem.request_id].filter((part) => part !== '').join(' · ');
  return element(
    'div',
    { class: 'problem' },
    element('strong', {}, problem.title),
    element('p', {}, detailOf(problem)),
    fields.length > 0 && element('ul', {}, ...fields),
    problem.retryable && element('p', {}, patience(retryAfter)),
    problem.retryable && onAgain && againButton(retryAfter ?? 0, onAgain),
    element('p', { class: 'hint' }, reference),
  );
}

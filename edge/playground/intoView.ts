/** What happens is seen: on a narrow screen results lie below the form. */

/** Scrolls to results that lie below what can be seen, or nearly so. */
export function comeIntoView(results: HTMLElement): void {
  const { top } = results.getBoundingClientRect();
  if (top > innerHeight * 0.6) results.scrollIntoView({ block: 'start' });
}

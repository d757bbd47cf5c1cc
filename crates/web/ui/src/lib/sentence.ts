import type { Explanation } from '../api/client';

/** The summary as a sentence, without the status at its beginning, which stands beside it. */
export function sentence(explanation: Pick<Explanation, 'status' | 'summary'>): string {
  const prefix = `${explanation.status}: `;
  const { summary } = explanation;
  const text = summary.startsWith(prefix) ? summary.slice(prefix.length) : summary;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

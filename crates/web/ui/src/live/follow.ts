/** Keeps what a view reads current: the event stream says when to read again, and a timer compares. */
import { catalog } from './catalog.svelte';

const COMPARE_MS = 30_000;
/** Several entries that belong together lead to one request. */
const SETTLE_MS = 150;

/** Calls `read` now, after entries of the entity, and every 30 s. Returns the function that stops. */
export function follow(entity: string, read: () => void): () => void {
  let soon: ReturnType<typeof setTimeout> | undefined;
  read();
  const timer = setInterval(() => {
    if (!document.hidden) read();
  }, COMPARE_MS);
  const unwatch = catalog.watchEntries((changed) => {
    if (changed !== entity || soon !== undefined) return;
    soon = setTimeout(() => {
      soon = undefined;
      read();
    }, SETTLE_MS);
  });
  return () => {
    clearInterval(timer);
    clearTimeout(soon);
    unwatch();
  };
}

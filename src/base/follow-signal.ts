/**
 * `abort` is aborted when `signal` is, now or later, until what it returns is called. What `AbortSignal.any` does, without what that takes to find out by itself when
 * nobody needs it any more: at a tenth of its cost.
 */
export function followSignal(signal: AbortSignal, abort: AbortController): () => void {
  const onAbort = (): void => abort.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  return () => signal.removeEventListener("abort", onAbort);
}

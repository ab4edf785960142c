/**
 * Has the browser keep the page and all it needs. To be called when the model is there: what was fetched for it is not
 * fetched again. Not while the page is being developed.
 */
export function keepOffline(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  // A host or a browser that does not allow it leaves the page as it is.
  navigator.serviceWorker.register("service-worker.js").catch(() => {});
}

/** Has the browser keep the page and all it needs, once it is there. Not while it is being developed. */
export function keepOffline(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  // A host or a browser that does not allow it leaves the page as it is.
  const keep = (): void => void navigator.serviceWorker.register("service-worker.js").catch(() => {});
  if (document.readyState === "complete") keep();
  else addEventListener("load", keep, { once: true });
}

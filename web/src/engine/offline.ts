import type { WebDevice } from "infini-transformer/web";

/**
 * Has the browser keep the page and all it needs to compute on this device. To be called when the model is there: what was
 * fetched for it is not fetched again. Not while the page is being developed.
 */
export async function keepOffline(device: WebDevice): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("service-worker.js");
    const { active } = await navigator.serviceWorker.ready;
    if (device === "webgpu") active?.postMessage("keep the runtime of WebGPU", []);
  } catch {
    // A host or a browser that does not allow it leaves the page as it is.
  }
}

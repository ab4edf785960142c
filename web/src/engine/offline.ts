import type { WebDevice } from "infini-transformer/web";

/**
 * Has the browser keep the page and everything it needs to compute on this device. Call it once the model has loaded, so that its
 * files are not fetched twice. Does nothing during development.
 */
export async function keepOffline(device: WebDevice): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("service-worker.js");
    const { active } = await navigator.serviceWorker.ready;
    if (device === "webgpu") active?.postMessage("keep the runtime of WebGPU", []);
  } catch {
    // Where a host or a browser does not allow it, the page works as before.
  }
}

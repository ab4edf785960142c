import { WEB_DEVICES, type WebDevice } from "infini-transformer/web";
import { useState } from "preact/hooks";

/** What computes, where the user has chosen; the library else chooses itself. */
export type ChosenDevice = WebDevice | undefined;

/** Whether there is a choice. */
export const HAS_WEBGPU = "gpu" in navigator;

/** What has been chosen in this browser, and how to choose. */
export function useDevice(): readonly [ChosenDevice, (device: ChosenDevice) => void] {
  const [device, set] = useState(keptDevice);
  return [
    device,
    (chosen) => {
      keepDevice(chosen);
      set(chosen);
    },
  ];
}

// --- internal ---

const KEY = "infini-transformer device";

/* Browsers that keep nothing throw when they are asked to. */

function keptDevice(): ChosenDevice {
  if (!HAS_WEBGPU) return undefined;
  try {
    const kept = localStorage.getItem(KEY);
    return WEB_DEVICES.find((device) => device === kept);
  } catch {
    return undefined;
  }
}

function keepDevice(device: ChosenDevice): void {
  try {
    if (device === undefined) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, device);
  } catch {
    // It counts until the page is loaded again.
  }
}

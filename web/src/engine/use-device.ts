import { WEB_DEVICES, type WebDevice } from "infini-transformer/web";
import { useState } from "preact/hooks";

/** The device that the user chose; undefined lets the library choose. */
export type ChosenDevice = WebDevice | undefined;

/** Whether there is a choice. */
export const HAS_WEBGPU = "gpu" in navigator;

/** The choice made in this browser, and how to change it. */
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

/* Browsers without storage throw here. */

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
    // The choice lasts until the page is reloaded.
  }
}

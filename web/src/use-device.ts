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

function keptDevice(): ChosenDevice {
  const kept = HAS_WEBGPU ? storage()?.getItem(KEY) : undefined;
  return WEB_DEVICES.find((device) => device === kept);
}

function keepDevice(device: ChosenDevice): void {
  if (device === undefined) storage()?.removeItem(KEY);
  else storage()?.setItem(KEY, device);
}

/** Browsers that keep nothing throw when they are asked for it. */
function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

import { WEB_DEVICES } from "infini-transformer/web";
import type { JSX } from "preact";
import { DEVICE_NAMES } from "./device-names.ts";
import { HAS_WEBGPU, type ChosenDevice } from "./use-device.ts";

export interface DeviceChoiceProps {
  readonly device: ChosenDevice;
  choose(device: ChosenDevice): void;
}

/** Which device computes. Empty where the browser has only WebAssembly. */
export function DeviceChoice({ device, choose }: DeviceChoiceProps): JSX.Element | null {
  if (!HAS_WEBGPU) return null;
  return (
    <label class="note">
      Computed by{" "}
      <select
        value={device ?? ""}
        onChange={({ currentTarget }) => choose(WEB_DEVICES.find((each) => each === currentTarget.value))}
      >
        <option value="">WebGPU, where there is a graphics card</option>
        {WEB_DEVICES.map((each) => (
          <option key={each} value={each}>
            {DEVICE_NAMES[each]}
          </option>
        ))}
      </select>
      ; with another choice, Read and Look inside begin anew.
    </label>
  );
}

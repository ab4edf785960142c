import type { WebDevice } from "infini-transformer/web";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { AskPanel } from "./ask-panel.tsx";
import { DEVICE_NAMES } from "../engine/device-names.ts";
import { formatBytes, formatCount } from "../shared/format.ts";
import type { Held } from "../shared/held.ts";
import { KeyPanel } from "./key-panel.tsx";
import { ModelLine, type ReadingProps } from "../engine/model-line.tsx";
import { Problem } from "../shared/problem.tsx";
import { ReadPanel } from "./read-panel.tsx";
import { SessionPanel } from "./session-panel.tsx";
import { TextPanel } from "./text-panel.tsx";
import type { ChosenDevice } from "../engine/use-device.ts";
import { useReader, type ReaderState } from "./use-reader.ts";

export interface ReadViewProps extends ReadingProps {
  /** Called with what is held each time reading starts or stops. */
  readonly onHeld: (held: Held | undefined) => void;
}

/** From a text to an answer, from top to bottom. */
export function ReadView({ model, use, device, onHeld }: ReadViewProps): JSX.Element {
  const [state, actions] = useReader(model.source, device);
  const { phase, position } = state;
  const panel = { model, state, actions };
  useEffect(() => {
    onHeld(phase === "idle" && position > 0 ? { tokens: position, save: actions.session } : undefined);
  }, [phase, position]);
  return (
    <>
      <ModelLine model={model} use={use} facts={factsLine(state, device)} />
      <Problem text={state.problem} />
      <TextPanel {...panel} />
      <KeyPanel {...panel} />
      <ReadPanel {...panel} />
      <AskPanel {...panel} />
      <SessionPanel {...panel} />
      <p class="note">{model.answers}</p>
    </>
  );
}

// --- internal ---

function factsLine({ phase, facts }: ReaderState, chosen: ChosenDevice): string {
  if (phase === "failed") return "it cannot be loaded.";
  if (!facts) return "it is being loaded …";
  const { parameters, stateBytes, device } = facts;
  const failed = chosen === undefined || chosen === device ? "" : `; ${DEVICE_NAMES[chosen]} does not work here`;
  return `${formatCount(parameters)} parameters, ${formatBytes(stateBytes)} of state, computed by ${DEVICE_NAMES[device]}${threadsOf(device)}${failed}.`;
}

function threadsOf(device: WebDevice): string {
  if (device === "webgpu") return "";
  if (crossOriginIsolated) return " on several threads";
  return " on one thread, since this host does not isolate the page (see the documentation)";
}

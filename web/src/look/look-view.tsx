import type { JSX } from "preact";
import { EarlierPanel } from "./earlier-panel.tsx";
import type { Held } from "../shared/held.ts";
import { GatesPanel } from "./gates-panel.tsx";
import { LookStart } from "./look-start.tsx";
import { LookTextPanel } from "./look-text-panel.tsx";
import { ModelLine, type ReadingProps } from "../engine/model-line.tsx";
import { Problem } from "../shared/problem.tsx";
import { TokenPanel } from "./token-panel.tsx";
import { useLook } from "./use-look.ts";

export interface LookViewProps extends ReadingProps {
  /** What reading can start from, besides an empty memory. */
  readonly held: Held | undefined;
}

/** From a text to what happens in the heads of the model at one of its tokens. */
export function LookView({ model, use, device, held }: LookViewProps): JSX.Element {
  const [state, actions] = useLook(model.source, device, held);
  const segment = state.segments[state.segment];
  return (
    <>
      <ModelLine model={model} use={use} />
      <Problem text={state.problem} />
      <LookTextPanel state={state} actions={actions}>
        <LookStart state={state} actions={actions} held={held} />
      </LookTextPanel>
      {segment && (
        <>
          <TokenPanel state={state} actions={actions} segment={segment} />
          <EarlierPanel state={state} actions={actions} segment={segment} />
          <GatesPanel segment={segment} />
        </>
      )}
    </>
  );
}

import type { JSX } from "preact";
import { EarlierPanel } from "./earlier-panel.tsx";
import { GatesPanel } from "./gates-panel.tsx";
import { LookTextPanel } from "./look-text-panel.tsx";
import { ModelLine, type ModelProps } from "./model-line.tsx";
import { Problem } from "./problem.tsx";
import { TokenPanel } from "./token-panel.tsx";
import { useLook } from "./use-look.ts";

/** From a text to what happens in the heads of the model at one of its tokens. */
export function LookView({ model, use }: ModelProps): JSX.Element {
  const [state, actions] = useLook(model.source);
  const segment = state.segments[state.segment];
  return (
    <>
      <ModelLine model={model} use={use} />
      <Problem text={state.problem} />
      <LookTextPanel state={state} actions={actions} />
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

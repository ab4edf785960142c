import { PASSKEY_QUESTION } from "infini-transformer/tasks";
import type { JSX } from "preact";
import { formatCount } from "../shared/format.ts";
import type { Held } from "../shared/held.ts";
import type { LookProps } from "./use-look.ts";

export interface LookStartProps extends LookProps {
  readonly held: Held | undefined;
}

/** What the text is read after: nothing, or all that Read has read. */
export function LookStart({ state: { phase, goOn }, actions, held }: LookStartProps): JSX.Element {
  const chosen = goOn && held !== undefined;
  return (
    <fieldset disabled={phase !== "idle"}>
      <legend>The text is read</legend>
      <label class="check">
        <input type="radio" name="start" checked={!chosen} onChange={() => actions.setGoOn(false)} />
        from an empty memory
      </label>
      <label class="check">
        <input
          type="radio"
          name="start"
          checked={chosen}
          disabled={held === undefined}
          onChange={() => actions.setGoOn(true)}
        />
        from what Read holds (
        {held ? `${formatCount(held.tokens)} tokens` : "when it has read something, and is not reading"})
      </label>
      {chosen && (
        <p class="note">A key that was hidden there is asked for by “{PASSKEY_QUESTION}”, with the key after it.</p>
      )}
    </fieldset>
  );
}

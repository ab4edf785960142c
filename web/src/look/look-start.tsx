import { PASSKEY_QUESTION } from "infini-transformer/tasks";
import type { JSX } from "preact";
import { formatCount } from "../shared/format.ts";
import type { Held } from "../shared/held.ts";
import type { LookProps } from "./use-look.ts";

export interface LookStartProps extends LookProps {
  readonly held: Held | undefined;
}

/** Where reading starts: with an empty memory, or after all that Read has read. */
export function LookStart({ state: { phase, continues }, actions, held }: LookStartProps): JSX.Element {
  const chosen = continues && held !== undefined;
  return (
    <fieldset disabled={phase !== "idle"}>
      <legend>The text is read</legend>
      <label class="check">
        <input type="radio" name="start" checked={!chosen} onChange={() => actions.setContinues(false)} />
        from an empty memory
      </label>
      <label class="check">
        <input
          type="radio"
          name="start"
          checked={chosen}
          disabled={held === undefined}
          onChange={() => actions.setContinues(true)}
        />
        from what Read holds (
        {held ? `${formatCount(held.tokens)} tokens` : "when it has read something, and is not reading"})
      </label>
      {chosen && <p class="note">To ask for a key hidden there, end the text with “{PASSKEY_QUESTION}” and the key.</p>}
    </fieldset>
  );
}

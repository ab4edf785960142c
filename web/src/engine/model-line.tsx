import type { JSX } from "preact";
import { SHIPPED_MODEL, type NamedModel } from "./models.ts";
import type { ChosenDevice } from "./use-device.ts";

/** What a view reads with. */
export interface ReadingProps extends ModelProps {
  readonly device: ChosenDevice;
}

export interface ModelProps {
  /** The model that a view reads with. */
  readonly model: NamedModel;
  use(model: NamedModel): void;
}

/** Which model reads, facts about it, and a button back to the one that comes with the page. */
export function ModelLine({ model, use, facts }: ModelProps & { readonly facts?: string }): JSX.Element {
  return (
    <div class="row note">
      <span role="status">
        Read by {model.name}
        {facts === undefined ? "." : `: ${facts}`}
      </span>
      {model !== SHIPPED_MODEL && (
        <button type="button" onClick={() => use(SHIPPED_MODEL)}>
          Back to the shipped model
        </button>
      )}
    </div>
  );
}

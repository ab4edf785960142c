import type { JSX } from "preact";
import { useId } from "preact/hooks";

export interface TextFieldProps {
  readonly label: string;
  readonly text: string;
  readonly disabled?: boolean;
  /** Why the text cannot be used, if it cannot. */
  readonly problem: string | undefined;
  /** A note on a text that can. */
  readonly note: string;
  setText(text: string): void;
}

/** A field to write or paste a text, with a note or a problem below it. */
export function TextField({ label, text, disabled = false, problem, note, setText }: TextFieldProps): JSX.Element {
  const id = useId();
  return (
    <>
      <label class="text-field">
        {label}
        <textarea
          rows={7}
          value={text}
          disabled={disabled}
          aria-invalid={text !== "" && problem !== undefined}
          aria-describedby={id}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <p id={id} class="note">
        {problem ?? note}
      </p>
    </>
  );
}

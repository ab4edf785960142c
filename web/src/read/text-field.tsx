import type { JSX } from "preact";
import { useId } from "preact/hooks";

export interface TextFieldProps {
  readonly label: string;
  readonly text: string;
  readonly disabled?: boolean;
  /** Why the text cannot be taken, if it cannot. */
  readonly problem: string | undefined;
  /** What is said of a text that can. */
  readonly note: string;
  setText(text: string): void;
}

/** Where a text is written or pasted, and what is to be said of it. */
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

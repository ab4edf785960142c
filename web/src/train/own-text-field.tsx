import type { JSX } from "preact";
import { FileButton } from "../shared/file-button.tsx";
import { formatBytes } from "../shared/format.ts";
import { asText, type OwnText } from "./own-text.ts";
import { TextField } from "../shared/text-field.tsx";

export interface OwnTextFieldProps {
  readonly own: OwnText;
  /** Why it cannot be trained on, if so. */
  readonly problem: string | undefined;
  setOwn(own: OwnText): void;
  take(files: FileList | null): void;
}

/** The user's own text to train on: a chosen file or a pasted text. */
export function OwnTextField({ own, problem, setOwn, take }: OwnTextFieldProps): JSX.Element {
  const { name, blob } = asText(own);
  return (
    <>
      <div class="row">
        <FileButton take={take}>A file …</FileButton> or one that is dropped here
      </div>
      <TextField
        label="or a text, pasted"
        text={typeof own === "string" ? own : ""}
        problem={problem}
        note={`${name}, ${formatBytes(blob.size)}. A token is a byte.`}
        setText={setOwn}
      />
    </>
  );
}

import type { ComponentChildren, JSX } from "preact";

export interface FileButtonProps {
  readonly children: ComponentChildren;
  readonly disabled?: boolean;
  /** Ends of the names of files that are offered. Default: all. */
  readonly accept?: string;
  take(files: FileList | null): void;
}

/** A button that lets a file be chosen; the same one can be chosen again. */
export function FileButton({ children, disabled = false, accept, take }: FileButtonProps): JSX.Element {
  return (
    <label class={disabled ? "button disabled" : "button"}>
      {children}
      <input
        type="file"
        class="hidden-input"
        accept={accept}
        disabled={disabled}
        onChange={(event) => {
          take(event.currentTarget.files);
          event.currentTarget.value = "";
        }}
      />
    </label>
  );
}

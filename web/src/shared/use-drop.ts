import type { TargetedDragEvent } from "preact";
import { useState } from "preact/hooks";

/** What makes an element a place to drop a file: its class and its handlers. */
export interface DropTarget {
  readonly class: string;
  onDragOver(event: TargetedDragEvent<HTMLElement>): void;
  onDragLeave(): void;
  onDrop(event: TargetedDragEvent<HTMLElement>): void;
}

/** A place to drop files; `take` gets the first one, dropped or chosen. */
export function useDrop(
  take: (file: File) => void,
): readonly [DropTarget, (files: FileList | null | undefined) => void] {
  const [over, setOver] = useState(false);
  const takeFirst = (files: FileList | null | undefined): void => {
    const file = files?.[0];
    if (file) take(file);
  };
  const target = {
    class: over ? "drop over" : "drop",
    onDragOver(event: TargetedDragEvent<HTMLElement>) {
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: () => setOver(false),
    onDrop(event: TargetedDragEvent<HTMLElement>) {
      event.preventDefault();
      setOver(false);
      takeFirst(event.dataTransfer?.files);
    },
  };
  return [target, takeFirst];
}

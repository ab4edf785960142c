/** Downloads a file. */
export function download(bytes: Uint8Array, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The message of an error. */
export function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

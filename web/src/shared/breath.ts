/** Lets messages in, in the midst of work. */
export function breath(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

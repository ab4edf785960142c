/** Lets messages arrive during long work. */
export function breath(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** A text that cannot be read. */
export class TextError extends Error {
  override name = "TextError";
}

/** A text to read. */
export interface Text {
  readonly name: string;
  readonly blob: Blob;
}

/** Texts that come with the page. */
export const BUNDLED_TEXTS = [
  { file: "texts/moby-dick.txt", name: "Moby Dick", size: "1.2 MB" },
  { file: "texts/lincoln-1863.txt", name: "Lincoln's address of 1863", size: "37 kB" },
] as const;

/** Fetches a text that comes with the page. Throws {@link TextError}. */
export async function fetchText(file: string, name: string): Promise<Text> {
  const response = await fetch(new URL(file, document.baseURI));
  if (!response.ok) throw new TextError(`${name}: cannot be fetched: ${response.status} ${response.statusText}`);
  return { name, blob: await response.blob() };
}

/** A file of the user's as a text. Throws {@link TextError} when it is empty or begins with binary data. */
export async function openText(file: File): Promise<Text> {
  if (file.size === 0) throw new TextError(`${file.name}: is empty`);
  try {
    await textBytes(file, 0, LOOK);
  } catch (cause) {
    throw cause instanceof TextError
      ? new TextError(`${file.name}: ${cause.message}`)
      : new TextError(`${file.name}: cannot be read`, { cause });
  }
  return { name: file.name, blob: file };
}

/** The bytes of a part of a text. Throws {@link TextError} where they are not text. */
export async function textBytes(text: Blob, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(await text.slice(start, end).arrayBuffer());
  const zero = bytes.indexOf(0);
  if (zero >= 0) throw new TextError(`holds binary data at byte ${start + zero}, not text`);
  return bytes;
}

/** The next place between two words from a byte on, so that no word is cut in two; the byte itself where there is none nearby. */
export async function nextGap(blob: Blob, from: number): Promise<number> {
  if (from <= 0) return 0;
  const bytes = new Uint8Array(await blob.slice(from, from + LOOK).arrayBuffer());
  const gap = bytes.findIndex((byte) => byte === SPACE || byte === NEWLINE);
  return gap < 0 ? Math.min(from, blob.size) : from + gap;
}

/** Whole words of a text, about `length` bytes from a byte on. */
export async function excerptAt(blob: Blob, from: number, length: number): Promise<string> {
  const start = await nextGap(blob, Math.max(0, from));
  const end = await nextGap(blob, Math.min(start + length, blob.size));
  return (await blob.slice(start, end).text()).replaceAll("\ufffd", "").trim();
}

/** The words around a place of a text, on one line. */
export async function wordsAround(blob: Blob, place: number): Promise<readonly [string, string]> {
  const words = async (from: number, to: number): Promise<string> =>
    (await blob.slice(Math.max(0, from), to).text()).replaceAll("\ufffd", "").replaceAll(/\s+/g, " ");
  return [await words(place - AROUND, place), await words(place, place + AROUND)];
}

// --- internal ---

/** Bytes that are checked before a text is read. */
const LOOK = 65_536;
const AROUND = 60;
const [SPACE, NEWLINE] = [32, 10];

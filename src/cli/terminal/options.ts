import { InvalidArgumentError, Option } from "commander";
import { NODE_DEVICES } from "../../engine/ort/ort-node.ts";

/* Options that several commands share, and parsers of their values. */

/** A whole number of at least `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < minimum) {
      throw new InvalidArgumentError(`Expected a whole number of at least ${minimum}.`);
    }
    return value;
  };
}

/** A number between two bounds, inclusive. */
export function numberWithin(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value >= minimum && value <= maximum)) {
      throw new InvalidArgumentError(`Expected a number from ${minimum} to ${maximum}.`);
    }
    return value;
  };
}

/** Token counts such as `4k,32k,1m`: k is 1,024, m is 1,048,576. At most 1,024m. */
export function parseLengths(text: string): number[] {
  return text.split(",").map((part) => {
    const match = part
      .trim()
      .toLowerCase()
      .match(/^(\d+)([km]?)$/);
    const value = Number(match?.[1]) * ({ k: 1024, m: 1024 ** 2 }[match?.[2] ?? ""] ?? 1);
    if (!match || value < 1) throw new InvalidArgumentError(`"${part}" is not a length; write 4096, 32k or 1m.`);
    if (value > 1024 ** 3) throw new InvalidArgumentError(`"${part}" is too long; 1024m is the maximum.`);
    return value;
  });
}

/** Whole numbers of at least `minimum`, such as `4,64,256`. */
export function parseCounts(minimum: number): (text: string) => number[] {
  return (text) => text.split(",").map(wholeNumber(minimum));
}

/** Depths such as `0,0.5,1`. */
export function parseDepths(text: string): number[] {
  return text.split(",").map(numberWithin(0, 1));
}

export const deviceOption = (): Option =>
  new Option("--device <name>", "where to compute").choices(NODE_DEVICES).default("cpu").env("INFINI_DEVICE");

export const seedOption = (): Option =>
  new Option("--seed <number>", "seed for everything random").argParser(wholeNumber(0)).default(0);

export const jsonOption = (): Option =>
  new Option("--json <file>", "write the result as JSON to a file, or to standard output with -");

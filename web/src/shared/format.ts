const COUNT = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const THREE_DIGITS = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** 12345 as `12,345`. */
export function formatCount(count: number): string {
  return COUNT.format(count);
}

/** 1250000 as `1.25M`, where there is little room. */
export function formatShort(value: number): string {
  return SHORT.format(value);
}

/** Bytes in units of thousands, three digits. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${THREE_DIGITS.format(bytes / 1000 ** power)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}

/** A share as whole percents. */
export function formatShare(share: number): string {
  return `${COUNT.format(100 * share)} %`;
}

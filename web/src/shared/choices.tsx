import type { JSX } from "preact";

export interface Choice {
  /** What is shown. */
  readonly text: string;
  /** What screen readers say. */
  readonly label: string;
  /** How much of the colour it has, 0 to 1. */
  readonly share: number;
}

export interface ChoicesProps {
  readonly label: string;
  /** How the choices are drawn: as letters, or as small bars. */
  readonly kind: "letters" | "bars";
  readonly choices: readonly Choice[];
  readonly chosen: number;
  choose(index: number): void;
}

/** Many small items, one of which is chosen by a click or with the arrow keys. */
export function Choices({ label, kind, choices, chosen, choose }: ChoicesProps): JSX.Element {
  return (
    <div
      role="listbox"
      aria-label={label}
      aria-orientation="horizontal"
      class={`choices ${kind}`}
      onKeyDown={(event) => {
        const next = after(event.key, chosen, choices.length);
        if (next === undefined) return;
        event.preventDefault();
        choose(next);
        (event.currentTarget.children[next] as HTMLElement | undefined)?.focus();
      }}
    >
      {choices.map(({ text, label: name, share }, i) => (
        <div
          key={i}
          role="option"
          aria-selected={i === chosen}
          aria-label={name}
          tabIndex={i === chosen ? 0 : -1}
          style={{ "--share": `${Math.round(100 * Math.min(Math.max(share, 0), 1))}%` }}
          onClick={() => choose(i)}
        >
          {text}
        </div>
      ))}
    </div>
  );
}

// --- internal ---

/** Choices that Page Up or Page Down skips. */
const PAGE = 10;

/** Where a key leads to, if anywhere. */
function after(key: string, chosen: number, count: number): number | undefined {
  const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -PAGE, PageDown: PAGE }[key];
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  return step === undefined ? undefined : Math.min(Math.max(chosen + step, 0), count - 1);
}

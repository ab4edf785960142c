import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { CompareView } from "./compare/compare-view.tsx";
import { DeviceChoice } from "./engine/device-choice.tsx";
import type { Held } from "./shared/held.ts";
import { LookView } from "./look/look-view.tsx";
import { SHIPPED_MODEL, type NamedModel } from "./engine/models.ts";
import { ReadView } from "./read/read-view.tsx";
import { TrainView } from "./train/train-view.tsx";
import { useDevice } from "./engine/use-device.ts";

/** The page: one view is visible, and all keep running. */
export function App(): JSX.Element {
  const view = useView();
  const main = useRef<HTMLElement>(null);
  const [held, setHeld] = useState<Held>();
  const [model, use] = useState(SHIPPED_MODEL);
  const [device, choose] = useDevice();
  const reading = { model, use, device };
  const readWith = (trained: NamedModel): void => {
    use(trained);
    location.hash = "#read";
    // The button that was pressed is now hidden.
    main.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  };
  return (
    <>
      <header>
        <h1>Read without end</h1>
        <p>
          A transformer reads a text of any length, in this tab. Attention is exact inside a segment, and a memory of
          fixed size holds everything before it. Hide a pass key in a book, let it read, and ask.
        </p>
        <nav aria-label="Views">
          {VIEWS.map(({ hash, name }) => (
            <a key={hash} href={hash} aria-current={view === hash ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
      </header>
      <main ref={main} tabIndex={-1}>
        <div hidden={view !== "#read"}>
          <ReadView {...reading} onHeld={setHeld} />
        </div>
        <div hidden={view !== "#train"}>
          <TrainView use={readWith} device={device} />
        </div>
        <div hidden={view !== "#look"}>
          <LookView {...reading} held={held} />
        </div>
        <div hidden={view !== "#compare"}>
          <CompareView shown={view === "#compare"} />
        </div>
      </main>
      <footer>
        <p class="note">Nothing leaves this machine.</p>
        <DeviceChoice device={device} choose={choose} />
      </footer>
    </>
  );
}

// --- internal ---

const VIEWS = [
  { hash: "#read", name: "Read" },
  { hash: "#train", name: "Train" },
  { hash: "#look", name: "Look inside" },
  { hash: "#compare", name: "Compare" },
] as const;

function useView(): string {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = (): void => setHash(location.hash);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return VIEWS.find((view) => view.hash === hash)?.hash ?? "#read";
}

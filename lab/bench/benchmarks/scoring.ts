import { createSession } from "../../../src/runtime/session.ts";
import { secondsOf, type Benchmark, type Contestant, type Setup } from "../lib/measure.ts";
import { benchTokens } from "../lib/models.ts";
import { SPEED } from "../lib/quantities.ts";
import { loadShippedModel } from "../lib/shipped-model.ts";

/** The cost of measuring how well a text is predicted while reading it, as the browser application does. */
export const scoring: Benchmark = {
  name: "scoring",
  about:
    "The shipped model reads a stream in pieces of 2,048 tokens in one lane, and scores none of the pieces, one in four (as the application in the browser does with _Moby Dick_) or all of them. Scoring a piece also computes the cross-entropy of every token.",
  contests: (setup) => [
    {
      title: "Reading in pieces of 2,048 tokens, shipped model",
      quantities: { speed: SPEED },
      contestants: async () => [
        await reader("no piece scored", 0, setup),
        await reader("one in four scored", 1 / 4, setup),
        await reader("every piece scored", 1, setup),
      ],
    },
  ],
};

// --- internal ---

const PIECE = 2048;

async function reader(name: string, share: number, { engine, quick }: Setup): Promise<Contestant> {
  const session = createSession({ loaded: await loadShippedModel(), engine });
  const [piece, pieces] = [benchTokens(quick ? 64 : PIECE), quick ? 4 : 16];
  const read = async (): Promise<void> => {
    for (let i = 0; i < pieces; i++)
      await (Math.floor((i + 1) * share) > Math.floor(i * share) ? session.score(piece, piece) : session.read(piece));
  };
  await read();
  return {
    name,
    measure: async () => ({ speed: (pieces * piece.length) / (await secondsOf(read)) }),
    stop: () => session.dispose(),
  };
}

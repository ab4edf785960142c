import { createSession } from "../../../src/runtime/session.ts";
import { forwardFlops } from "../../../src/model/cost.ts";
import type { LoadedModel } from "../../../src/model/transformer.ts";
import { loadShippedModel } from "../lib/shipped-model.ts";
import { lanesOf, secondsOf, type Benchmark, type Contest, type Contestant, type Setup } from "../lib/measure.ts";
import { benchModel, benchTokens, SIZES, withFreshWeights, type Size } from "../lib/models.ts";
import { SPEED } from "../lib/quantities.ts";
import { torchPeers } from "../lib/torch-peer.ts";

const COMPARED_LOGITS = 8;

/** Reading a prompt compared with PyTorch, and reading with the shipped model. */
export const prefill: Benchmark = {
  name: "prefill",
  about:
    "Reading prompts of eight segments from an empty state up to the logits of the next token: the models of the training benchmark compared with PyTorch, with the first logits compared, and the shipped model (365,320 parameters) with one lane and with sixteen.",
  contests: (setup) => [...SIZES.map((size) => besidePeers(setup, size)), shipped(setup)],
};

// --- internal ---

function besidePeers(setup: Setup, size: Size): Contest {
  const config = benchModel(setup.quick, size);
  const [length, count] = [8 * config.segmentLength, setup.quick ? 1 : 6];
  return {
    title: `Reading a prompt, ${size} parameters, one lane`,
    quantities: { speed: SPEED },
    flopsPerToken: forwardFlops(config),
    async contestants() {
      const loaded = withFreshWeights(config);
      const tokens = benchTokens(length);
      const work = { task: "prefill", loaded, tokens, batch: 1, count } as const;
      return [await reader("infini-transformer", loaded, setup, tokens, 1, count), ...(await torchPeers(work, setup))];
    },
  };
}

function shipped(setup: Setup): Contest {
  const [length, count] = setup.quick ? [128, 1] : [4096, 4];
  return {
    title: "Reading a prompt, shipped model",
    quantities: { speed: SPEED },
    async contestants() {
      const loaded = await loadShippedModel();
      const make = (name: string, batch: number, turns: number): Promise<Contestant> =>
        reader(name, loaded, setup, benchTokens(batch * length), batch, turns);
      return [await make("one lane", 1, count), await make("sixteen lanes", 16, 1)];
    },
  };
}

async function reader(
  name: string,
  loaded: LoadedModel,
  { engine }: Setup,
  tokens: Int32Array,
  batch: number,
  count: number,
): Promise<Contestant> {
  const session = createSession({ loaded, engine, batch });
  const lanes = lanesOf(tokens, batch);
  const read = async (): Promise<Float32Array> => {
    await session.reset();
    return session.prefill(lanes);
  };
  const logits = await read();
  return {
    name,
    computed: [...logits.subarray(0, COMPARED_LOGITS)],
    async measure() {
      const seconds = await secondsOf(async () => {
        for (let i = 0; i < count; i++) await read();
      });
      return { speed: (count * tokens.length) / seconds };
    },
    stop: () => session.dispose(),
  };
}

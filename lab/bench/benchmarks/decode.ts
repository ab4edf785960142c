import { createSession } from "../../../src/runtime/session.ts";
import { forwardFlops } from "../../../src/model/cost.ts";
import type { LoadedModel } from "../../../src/model/transformer.ts";
import { lanesOf, secondsOf, type Benchmark, type Contest, type Contestant, type Setup } from "../lib/measure.ts";
import { benchModel, benchTokens, withFreshWeights } from "../lib/models.ts";
import { SPEED } from "../lib/quantities.ts";
import { loadShippedModel } from "../lib/shipped-model.ts";
import { torchPeers } from "../lib/torch-peer.ts";

const COMPARED_LOGITS = 8;
/** Tokens read after the first segment before anything is measured, so that the memory is in use. */
const INTO_SEGMENT = 3;

/** One token at a time, compared with PyTorch, and with the shipped model. */
export const decode: Benchmark = {
  name: "decode",
  about:
    "Reading one token of each lane at a time, including the ends of segments, after a whole segment has been read: the model of the training benchmark compared with PyTorch, with the logits after the first tokens compared, and the shipped model. Tokens are given, so sampling is not included.",
  contests: (setup) => [besidePeers(setup, 1), besidePeers(setup, 16), shipped(setup)],
};

// --- internal ---

function besidePeers(setup: Setup, batch: number): Contest {
  const config = benchModel(setup.quick);
  return {
    title: `Token by token, 3.28 M parameters, batch ${batch}`,
    quantities: { speed: SPEED },
    flopsPerToken: forwardFlops(config),
    async contestants() {
      const loaded = withFreshWeights(config);
      const tokens = benchTokens(batch * (config.segmentLength + INTO_SEGMENT));
      const count = stepsOf(setup, config.segmentLength);
      const work = { task: "decode", loaded, tokens, batch, count } as const;
      return [await stepper("infini-transformer", loaded, setup, tokens, batch), ...(await torchPeers(work, setup))];
    },
  };
}

function shipped(setup: Setup): Contest {
  return {
    title: "Token by token, shipped model",
    quantities: { speed: SPEED },
    async contestants() {
      const loaded = await loadShippedModel();
      const tokens = benchTokens(16 * (loaded.model.config.segmentLength + INTO_SEGMENT));
      const make = (name: string, batch: number): Promise<Contestant> =>
        stepper(name, loaded, setup, tokens.subarray(0, (batch / 16) * tokens.length), batch);
      return [await make("batch 1", 1), await make("batch 16", 16)];
    },
  };
}

/** Whole segments, so that every turn has the same number of segment ends. */
function stepsOf({ quick }: Setup, segmentLength: number): number {
  return quick ? 2 : Math.ceil(256 / segmentLength) * segmentLength;
}

async function stepper(
  name: string,
  loaded: LoadedModel,
  setup: Setup,
  tokens: Int32Array,
  batch: number,
): Promise<Contestant> {
  const session = createSession({ loaded, engine: setup.engine, batch });
  const lanes = lanesOf(tokens, batch);
  const count = stepsOf(setup, loaded.model.config.segmentLength);
  const length = tokens.length / batch;
  const step = (): Promise<Float32Array> => session.step(lanes.map((lane) => lane[session.position % length] ?? 0));
  await session.prefill(lanes.map((lane) => lane.subarray(0, length - 1)));
  const logits = await step();
  return {
    name,
    computed: [...logits.subarray(0, COMPARED_LOGITS)],
    async measure() {
      const seconds = await secondsOf(async () => {
        for (let i = 0; i < count; i++) await step();
      });
      return { speed: (count * batch) / seconds };
    },
    stop: () => session.dispose(),
  };
}

import { forwardFlops } from "../../../src/model/cost.ts";
import { createOptimizer, type RunConfig } from "../../../src/train/config.ts";
import { createStepper } from "../../../src/train/stepper.ts";
import { nextTokens, stepsOn } from "../lib/batches.ts";
import { secondsOf, type Benchmark, type Contestant, type Setup } from "../lib/measure.ts";
import { benchModel, benchTokens, benchTraining, SIZES, withFreshWeights, type Size } from "../lib/models.ts";
import { SPEED } from "../lib/quantities.ts";
import { torchPeers } from "../lib/torch-peer.ts";

const WARM_UP_STEPS = 3;

/** Steps per turn. */
const STEPS: { readonly [size in Size]: number } = { "3.28 M": 10, "29 M": 2 };

/** A training step compared with PyTorch. */
export const training: Benchmark = {
  name: "training",
  about:
    "Forward pass, backpropagation through the memory of all segments, clipping and AdamW: 3.28 M parameters (4 layers of width 256) and 29 M (9 layers of width 512), batch 2, 8 segments of 256 tokens, the paper's linear memory. The losses of the first three steps are compared.",
  contests: (setup) =>
    SIZES.map((size) => ({
      title: `A training step, ${size} parameters, 4,096 tokens`,
      quantities: { speed: SPEED },
      flopsPerToken: 3 * forwardFlops(benchModel(setup.quick, size)),
      contestants: () => contestants(setup, size),
    })),
};

// --- internal ---

async function contestants(setup: Setup, size: Size): Promise<Contestant[]> {
  const run = benchTraining(setup.quick, size);
  const { batch, length, learningRate } = run.training;
  const count = setup.quick ? 1 : STEPS[size];
  const tokens = benchTokens(batch * (length + 1));
  const work = { task: "training", loaded: withFreshWeights(run.model), tokens, batch, count, learningRate } as const;
  return [await ours(setup, run, tokens, count), ...(await torchPeers(work, setup))];
}

async function ours(
  { engine }: Setup,
  { training: settings, model }: RunConfig,
  tokens: Int32Array,
  count: number,
): Promise<Contestant> {
  const optimizer = createOptimizer(settings.optimizer);
  const stepper = await createStepper({ ...withFreshWeights(model), optimizer, training: settings, engine });
  const step = stepsOn(stepper, nextTokens(tokens, settings.batch, settings.length), settings.learningRate);
  const computed: number[] = [];
  for (let i = 0; i < WARM_UP_STEPS; i++) computed.push(await step());
  return {
    name: "infini-transformer",
    computed,
    async measure() {
      const seconds = await secondsOf(async () => {
        for (let i = 0; i < count; i++) await step();
      });
      return { speed: (count * settings.batch * settings.length) / seconds };
    },
    stop: () => stepper.dispose(),
  };
}

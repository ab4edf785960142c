import type { Engine } from "../../../src/engine/engine.ts";
import { createSession, type Session } from "../../../src/runtime/session.ts";
import type { LoadedModel } from "../../../src/model/transformer.ts";
import { createOptimizer, parseRunConfig } from "../../../src/train/config.ts";
import { presets } from "../../../src/train/presets.ts";
import { createStepper } from "../../../src/train/stepper.ts";
import { nextTokens, stepsOn } from "./batches.ts";
import { benchTokens, withFreshWeights } from "./models.ts";

/* Work that Node and a page in a browser do the same way. */

/** Tokens read at a time, as a stream arrives. */
const PIECE = 4096;
const WARM_UP_STEPS = 2;

/** A session that has compiled its programs and read nothing. */
export async function warmSession(loaded: LoadedModel, engine: Engine): Promise<Session> {
  const session = createSession({ loaded, engine });
  await session.read(benchTokens(PIECE));
  await session.reset();
  return session;
}

/** Continues up to a position; tokens per second. */
export async function readTo(session: Session, position: number): Promise<number> {
  const [piece, from, started] = [benchTokens(PIECE), session.position, performance.now()];
  while (session.position < position) await session.read(piece.subarray(0, position - session.position));
  return (1000 * (position - from)) / (performance.now() - started);
}

/** Tokens per second in training steps of the `nano` preset. */
export async function trainNano(engine: Engine, steps: number): Promise<number> {
  const { model, training } = parseRunConfig(presets.nano);
  const optimizer = createOptimizer(training.optimizer);
  const stepper = await createStepper({ ...withFreshWeights(model), optimizer, training, engine });
  const { batch: lanes, length, learningRate } = training;
  const step = stepsOn(stepper, nextTokens(benchTokens(lanes * (length + 1)), lanes, length), learningRate);
  for (let i = 0; i < WARM_UP_STEPS; i++) await step();
  const started = performance.now();
  for (let i = 0; i < steps; i++) await step();
  const speed = (1000 * steps * lanes * length) / (performance.now() - started);
  await stepper.dispose();
  return speed;
}

/**
 * Tokens per second of one training step, beside PyTorch in the same run: the same weights, tokens, loss and
 * optimizer, turn by turn. See README.md.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { createModel, createRng, encodeWeights, parameterCount, parseRunConfig } from "infini-transformer";
import { floatTensor, intTensor, flatten, type HostTensor } from "infini-transformer/graph";
import { createNodeEngine } from "infini-transformer/node";
import { createOptimizer, createStepper, type RunConfig } from "infini-transformer/train";

const SEGMENTS = 8;
const BATCH = 2;
const WARM_UP_STEPS = 3;
const MODEL = {
  modelDim: 256,
  numLayers: 4,
  numHeads: 4,
  headDim: 64,
  feedForwardDim: 704,
  segmentLength: 256,
  memory: { update: "linear", shift: "none" },
} as const;
const OPTIMIZER = { kind: "adamw", beta1: 0.9, beta2: 0.95, weightDecay: 0.1 } as const;

/** Something that takes training steps: seconds for so many of them. */
interface Peer {
  readonly name: string;
  readonly warmUpLosses: readonly number[];
  run(steps: number): Promise<number>;
  stop(): Promise<void>;
}

const { python, rounds, steps, json } = new Command("training-step")
  .option("--python <path>", "a Python with torch and numpy", "python3")
  .option("--json", "print the result as JSON", false)
  .addOption(new Option("--rounds <count>", "turns of each peer").argParser(Number).default(5))
  .addOption(new Option("--steps <count>", "steps of a turn").argParser(Number).default(10))
  .parse()
  .opts<{ python: string; rounds: number; steps: number; json: boolean }>();

const length = SEGMENTS * MODEL.segmentLength;
const config = parseRunConfig({
  model: MODEL,
  training: { steps: 1, batch: BATCH, length, optimizer: OPTIMIZER, learningRate: 1e-3, warmupSteps: 0 },
});
const rng = createRng(1);
const params = createModel(config.model).initParams(rng.fork("params"));
const sequences = Int32Array.from({ length: BATCH * (length + 1) }, () => rng.integer(256));
const folder = await mkdtemp(join(tmpdir(), "infini-bench-"));
const peers = [await ourPeer(config), await torchPeer("eager"), await torchPeer("compile")].filter(
  (peer) => peer !== undefined,
);
const seconds = new Map<Peer, number[]>(peers.map((peer) => [peer, []]));
for (let round = 0; round < rounds; round++) {
  for (const peer of peers) seconds.get(peer)?.push(await peer.run(steps));
}
report();
await Promise.all(peers.map((peer) => peer.stop()));
await rm(folder, { recursive: true });

async function ourPeer({ model: modelConfig, training }: RunConfig): Promise<Peer> {
  const optimizer = createOptimizer(training.optimizer);
  const stepper = await createStepper({
    model: createModel(modelConfig),
    params,
    optimizer,
    training,
    engine: await createNodeEngine(),
  });
  const rows = (from: number): Int32Array =>
    Int32Array.from(
      { length: BATCH * length },
      (_, i) => sequences[Math.floor(i / length) * (length + 1) + (i % length) + from] ?? 0,
    );
  const shape = [BATCH, length];
  const batch = {
    tokens: intTensor(shape, rows(0)),
    targets: intTensor(shape, rows(1)),
    weights: floatTensor(shape, new Float32Array(BATCH * length).fill(1)),
    startOfSequence: intTensor([BATCH], new Int32Array(BATCH).fill(1)),
  };
  let done = 0;
  const step = async (): Promise<number> => {
    const { loss } = await stepper.step([batch], training.learningRate, ++done);
    stepper.keep();
    return loss;
  };
  const warmUpLosses: number[] = [];
  for (let i = 0; i < WARM_UP_STEPS; i++) warmUpLosses.push(await step());
  return {
    name: "infini-transformer",
    warmUpLosses,
    async run(count) {
      const started = performance.now();
      for (let i = 0; i < count; i++) await step();
      return (performance.now() - started) / 1000;
    },
    stop: () => stepper.dispose(),
  };
}

/** The PyTorch peer, or nothing where Python lacks torch. */
async function torchPeer(mode: "eager" | "compile"): Promise<Peer | undefined> {
  const file = (name: string): string => join(folder, name);
  const settings = { ...config.model, learningRate: config.training.learningRate };
  await writeFile(file("weights.safetensors"), encodeWeights(flatten<HostTensor>(params), config.model));
  await writeFile(file("config.json"), JSON.stringify(settings));
  await writeFile(file("tokens.bin"), Buffer.from(sequences.buffer));
  const script = fileURLToPath(new URL("peers/torch_step.py", import.meta.url));
  const files = [
    "--weights",
    file("weights.safetensors"),
    "--config",
    file("config.json"),
    "--tokens",
    file("tokens.bin"),
  ];
  const sizes = ["--batch", BATCH, "--segments", SEGMENTS, "--threads", availableParallelism()].map(String);
  const child = spawn(python, [script, ...files, ...sizes, "--mode", mode], { stdio: ["pipe", "pipe", "inherit"] });
  const ask = conversation(child);
  const ready = await ask().catch(() => undefined);
  if (!ready) {
    process.stderr.write(`no PyTorch (${mode}): ${python} cannot run bench/peers/torch_step.py\n`);
    return undefined;
  }
  return {
    name: `PyTorch ${String(ready.torch)}, ${mode}`,
    warmUpLosses: ready.losses as number[],
    run: async (count) => Number((await ask(`run ${count}`)).seconds),
    stop: async () => void child.stdin.end("quit\n"),
  };
}

/** Sends a line, if any, and waits for the next line of JSON. */
function conversation(
  child: ChildProcessByStdio<Writable, Readable, null>,
): (line?: string) => Promise<Record<string, unknown>> {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const failed = new Promise<never>((_, reject) => void child.on("error", reject));
  return async (line) => {
    if (line !== undefined) child.stdin.write(`${line}\n`);
    const { value, done } = await Promise.race([lines.next(), failed]);
    if (done) throw new Error("the peer has ended");
    return JSON.parse(value) as Record<string, unknown>;
  };
}

function report(): void {
  const rates = peers.map((peer) => {
    const sorted = (seconds.get(peer) ?? []).toSorted((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
    return { peer: peer.name, tokensPerSecond: (steps * BATCH * length) / median, warmUpLosses: peer.warmUpLosses };
  });
  const own = rates[0]?.tokensPerSecond ?? Number.NaN;
  const rows = rates.map((rate) => ({ ...rate, ratio: own / rate.tokensPerSecond }));
  if (json) process.stdout.write(`${JSON.stringify({ parameters: parameterCount(config.model), rows }, null, 2)}\n`);
  else
    for (const { peer, tokensPerSecond, ratio, warmUpLosses } of rows) {
      const losses = warmUpLosses.map((loss) => loss.toFixed(4)).join(" ");
      process.stdout.write(
        `${peer.padEnd(24)}${tokensPerSecond.toFixed(0).padStart(8)} tokens/s   ours is ${ratio.toFixed(2)} x   losses ${losses}\n`,
      );
    }
}

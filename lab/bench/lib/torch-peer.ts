import { spawn, type ChildProcessByStdio } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { flatten } from "../../../src/tensor/tree.ts";
import type { HostTensor } from "../../../src/tensor/host-tensor.ts";
import { encodeWeights } from "../../../src/model/checkpoint.ts";
import type { LoadedModel } from "../../../src/model/transformer.ts";
import type { Contestant, Setup } from "./measure.ts";

export interface TorchWork {
  readonly task: "training" | "prefill" | "decode";
  readonly loaded: LoadedModel;
  /** Of `batch` lanes, lane by lane. */
  readonly tokens: Int32Array;
  readonly batch: number;
  /** Steps, prompts or tokens per turn. */
  readonly count: number;
  /** Of training. Default 1e-3. */
  readonly learningRate?: number;
}

/**
 * PyTorch on the same work, eager and compiled; none if Python lacks torch. Those that start are reported on
 * standard error.
 */
export async function torchPeers(work: TorchWork, setup: Setup): Promise<Contestant[]> {
  const peers = [await torchPeer(work, setup, "eager"), await torchPeer(work, setup, "compile")];
  return peers.filter((peer) => peer !== undefined);
}

// --- internal ---

type Mode = "eager" | "compile";

async function torchPeer(work: TorchWork, { python, folder }: Setup, mode: Mode): Promise<Contestant | undefined> {
  const files = await writeFiles(work, folder);
  const script = fileURLToPath(new URL("../peers/torch_peer.py", import.meta.url));
  const options = { ...files, task: work.task, mode, batch: work.batch, threads: availableParallelism() };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(python, [script, ...flags], { stdio: ["pipe", "pipe", "inherit"] });
  const ask = conversation(child);
  const ready = await ask().catch(() => undefined);
  if (!ready) {
    process.stderr.write(`no PyTorch (${mode}): ${python} cannot run bench/peers/torch_peer.py\n`);
    return undefined;
  }
  return {
    name: `PyTorch ${String(ready["torch"])}, ${mode}`,
    computed: ready["computed"] as number[],
    async measure() {
      const { tokens, seconds } = await ask(`run ${work.count}`);
      return { speed: Number(tokens) / Number(seconds) };
    },
    stop: async () => void child.stdin.end("quit\n"),
  };
}

async function writeFiles(
  { loaded: { model, params }, tokens, learningRate = 1e-3 }: TorchWork,
  folder: string,
): Promise<Record<"weights" | "config" | "tokens", string>> {
  const files = {
    weights: join(folder, "weights.safetensors"),
    config: join(folder, "config.json"),
    tokens: join(folder, "tokens.bin"),
  };
  await writeFile(files.weights, encodeWeights(flatten<HostTensor>(params)));
  await writeFile(files.config, JSON.stringify({ ...model.config, learningRate }));
  await writeFile(files.tokens, new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength));
  return files;
}

/** Sends a line, if any, and waits for the next line of JSON. */
function conversation(
  child: ChildProcessByStdio<Writable, Readable, null>,
): (line?: string) => Promise<Record<string, unknown>> {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const failed = new Promise<never>((_, reject) => void child.on("error", reject));
  failed.catch(() => undefined);
  return async (line) => {
    if (line !== undefined) child.stdin.write(`${line}\n`);
    const { value, done } = await Promise.race([lines.next(), failed]);
    if (done) throw new Error("the peer has ended");
    return JSON.parse(value) as Record<string, unknown>;
  };
}

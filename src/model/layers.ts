import { OptionError } from "../base/errors.ts";
import type { MemoryConfig } from "../mixers/infini/config.ts";
import type { memorySchema } from "../mixers/infini/kind.ts";
import { memorizingLayers } from "../mixers/memorizing/kind.ts";
import {
  layerMixer,
  type LayerConfig,
  type layerMixerSchema,
  type MixerContext,
  type MixerOptions,
} from "../mixers/registry.ts";
import type { z } from "zod";

type Memory = z.output<typeof memorySchema>;

/** What a config says of its layers: of all, and of some in place of that. */
export interface LayeredConfig {
  readonly numLayers: number;
  readonly memory: Memory;
  readonly mixer?: MixerOptions | undefined;
  readonly layers?: readonly LayerChoice[] | undefined;
}

/** What one layer has in place of what all have: another mixer, or Infini-attention with this memory. */
export interface LayerChoice {
  readonly mixer?: z.output<typeof layerMixerSchema> | undefined;
  readonly memory?: Memory | undefined;
}

/** What mixes the sequence in each layer, from the first. Throws OptionError for a layer that there is not. */
export function layersOf(config: LayeredConfig): readonly LayerConfig[] {
  return layersAlike(config).map((layer, i) => {
    const { mixer, memory } = config.layers?.[i] ?? {};
    return mixer ?? (memory ? { kind: "infini", memory } : layer);
  });
}

/** The memories that Infini-attention keeps in the layers that have one, by the number of the layer. */
export function memoriesOf(config: LayeredConfig): ReadonlyMap<number, MemoryConfig> {
  const memories = layersOf(config).flatMap((layer, i): [number, MemoryConfig][] =>
    layer.kind === "infini" && layer.memory.update !== "none" ? [[i, layer.memory]] : [],
  );
  return new Map(memories);
}

/** Why a model cannot have its layers: messages, each with the path of what is at fault. */
export function layerProblems(
  config: LayeredConfig & MixerContext,
): { readonly path: (string | number)[]; readonly message: string }[] {
  const everywhere = config.mixer ? "mixer" : "memory";
  const unresolved = problemOf(() => layersOf(config));
  if (unresolved !== undefined) return [{ path: [everywhere], message: unresolved }];
  const problems = layersOf(config).flatMap((layer, i) => {
    const message = problemOf(() => layerMixer(config, layer));
    if (message === undefined) return [];
    const { mixer, memory } = config.layers?.[i] ?? {};
    return [{ path: mixer ? ["layers", i, "mixer"] : memory ? ["layers", i, "memory"] : [everywhere], message }];
  });
  return [...new Map(problems.map((problem) => [problem.path.join("."), problem])).values()];
}

// --- internal ---

/** What the layers have where none is named. */
function layersAlike({ numLayers, memory, mixer }: LayeredConfig): readonly LayerConfig[] {
  if (mixer?.kind === "memorizing") return memorizingLayers({ numLayers }, mixer);
  // Between its memory vectors, a Recurrent Memory Transformer is a plain one: Infini-attention without a memory.
  const isPlain = !mixer || mixer.kind === "recurrent-memory";
  return Array.from({ length: numLayers }, () => (isPlain ? { kind: "infini", memory } : mixer));
}

function problemOf(attempt: () => unknown): string | undefined {
  try {
    attempt();
  } catch (error) {
    if (error instanceof OptionError) return error.message;
    throw error;
  }
}

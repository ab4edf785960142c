import { z } from "zod";
import { OptionError } from "../base/errors.ts";
import { SafetensorsError } from "./safetensors-header.ts";
import type { TensorInfo, TensorSource } from "./source.ts";

/**
 * The tensors of a model in several files, which an index names: `{ "weight_map": { NAME: FILE } }`, as in `model.safetensors.index.json`.
 *
 * @param index The value in the index file.
 * @param open Opens a file in the folder of the index, given its bare name.
 * @param source Names the index in errors.
 * @throws {SafetensorsError} when the index is malformed, names a file elsewhere or a tensor that its file lacks, or when
 *   two files have a tensor of the same name.
 */
export async function openShards(
  index: unknown,
  open: (file: string) => Promise<TensorSource>,
  source: string,
): Promise<TensorSource> {
  const places = Object.entries(parseIndex(index, source));
  const shards = new Map<string, TensorSource>();
  for (const [, file] of places) if (!shards.has(file)) shards.set(file, await open(file));
  const owners = ownersOf(shards, source);
  for (const [name, file] of places) {
    if (owners.get(name)?.file !== file) throw new SafetensorsError(`${source}: "${name}" is not in ${file}`);
  }
  return {
    infos: Object.fromEntries([...owners].map(([name, { info }]) => [name, info])),
    metadata: Object.assign({}, ...[...shards.values()].map(({ metadata }) => metadata)) as Record<string, string>,
    async read(name) {
      const owner = owners.get(name);
      if (!owner) throw new OptionError(`${source}: there is no tensor "${name}"`);
      return owner.shard.read(name);
    },
  };
}

// --- internal ---

interface Owner {
  readonly file: string;
  readonly shard: TensorSource;
  readonly info: TensorInfo;
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** A name that cannot lead out of the folder. */
const BARE_NAME = /^(?!\.)[^/\\:\0]+$/;

function parseIndex(index: unknown, source: string): Readonly<Record<string, string>> {
  const parsed = indexSchema.safeParse(index);
  if (!parsed.success) throw new SafetensorsError(`${source}: has no "weight_map" from names to files`);
  const outside = Object.values(parsed.data.weight_map).find((file) => !BARE_NAME.test(file));
  if (outside !== undefined)
    throw new SafetensorsError(`${source}: names ${JSON.stringify(outside)}, which is not a file in its folder`);
  return parsed.data.weight_map;
}

/** Which file each tensor is in, including tensors that the index does not name. */
function ownersOf(shards: ReadonlyMap<string, TensorSource>, source: string): ReadonlyMap<string, Owner> {
  const owners = new Map<string, Owner>();
  for (const [file, shard] of shards) {
    for (const [name, info] of Object.entries(shard.infos)) {
      const other = owners.get(name);
      if (other) throw new SafetensorsError(`${source}: "${name}" is in ${other.file} and in ${file}`);
      owners.set(name, { file, shard, info });
    }
  }
  return owners;
}

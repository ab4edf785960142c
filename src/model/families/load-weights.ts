import type { Rng } from "../../base/random.ts";
import { transposed } from "../../nn/init.ts";
import type { ParamSpec } from "../../nn/spec.ts";
import { floatTensor, sizeOf, type FloatTensor, type Shape } from "../../tensor/host-tensor.ts";
import { isFloat, toFloat32 } from "../../tensor/number-types.ts";
import { SafetensorsError } from "../../tensor/safetensors.ts";
import type { TensorInfo, TensorSource } from "../../tensor/source.ts";
import { checkFinite } from "../../tensor/check-finite.ts";
import { flatten, unflatten, type Flat } from "../../tensor/tree.ts";
import type { Model, ModelParams } from "../transformer.ts";
import type { Family } from "./family.ts";

/**
 * The weights of a model from tensors of a family, in float32. All names, shapes and types are checked before anything is read, and one
 * tensor is read at a time.
 *
 * @param rng Draws what the family lets files lack.
 * @param file Names the tensors in errors.
 * @throws {SafetensorsError} naming the file and the tensor, when one is missing, has another shape or no fractions, is not asked for or
 *   has an element that is not finite.
 */
export async function loadWeights(
  { specs }: Pick<Model, "specs">,
  family: Family,
  source: TensorSource,
  rng: Rng,
  file: string,
): Promise<ModelParams<FloatTensor>> {
  const specOf = flatten<ParamSpec>(specs);
  const isTurned = family.isTransposed(source.metadata);
  checkNames(specOf, family, source.infos, file);
  const plans = Object.entries(specOf).map(([path, spec]) => planOf(path, spec, family, source.infos, isTurned, file));
  const params: Record<string, FloatTensor> = {};
  for (const { path, spec, names } of plans) {
    const parts: FloatTensor[] = [];
    for (const name of names) {
      const tensor = toFloat32(await source.read(name));
      checkFinite(tensor, name, file);
      parts.push(isTurned && spec.role === "matrix" ? transposed(tensor) : tensor);
    }
    params[path] = parts.length === 0 ? spec.init(rng) : stacked(parts, spec.shape);
  }
  return unflatten<ModelParams<FloatTensor>>(params, specs);
}

// --- internal ---

/** Where a parameter comes from: no names when it is fresh. */
interface Plan {
  readonly path: string;
  readonly spec: ParamSpec;
  readonly names: readonly string[];
}

function checkNames(specOf: Flat<ParamSpec>, family: Family, infos: Flat<TensorInfo>, file: string): void {
  const wanted = new Set(Object.keys(specOf).flatMap((path) => family.names(path)));
  const unknown = Object.keys(infos).find((name) => !wanted.has(name));
  if (unknown !== undefined) throw new SafetensorsError(`${file}: "${unknown}" is not part of this config`);
}

function planOf(
  path: string,
  spec: ParamSpec,
  family: Family,
  infos: Flat<TensorInfo>,
  isTurned: boolean,
  file: string,
): Plan {
  const names = family.names(path);
  if (family.fresh(path) && names.every((name) => !infos[name])) return { path, spec, names: [] };
  const found = names.map((name) => {
    const info = infos[name];
    if (!info) throw new SafetensorsError(`${file}: lacks "${name}"`);
    if (!isFloat(info.dtype))
      throw new SafetensorsError(`${file}: "${name}" is ${info.dtype}: weights are numbers with fractions`);
    return { name, shape: isTurned && spec.role === "matrix" ? info.shape.toReversed() : info.shape };
  });
  checkShapes(found, spec.shape, isTurned && spec.role === "matrix", file);
  return { path, spec, names };
}

/** One tensor has the shape; of several, the rows add up to it. */
function checkShapes(
  found: readonly { readonly name: string; readonly shape: Shape }[],
  wanted: Shape,
  isTurned: boolean,
  file: string,
): void {
  const [rows = 1, ...rest] = wanted;
  const fits =
    found.length === 1
      ? found[0]?.shape.join() === wanted.join()
      : found.every(({ shape }) => shape.slice(1).join() === rest.join()) &&
        found.reduce((total, { shape }) => total + (shape[0] ?? 0), 0) === rows;
  if (fits) return;
  const inFile = (shape: Shape): string => `[${(isTurned ? shape.toReversed() : shape).join(", ")}]`;
  const names = found.map(({ name }) => `"${name}"`).join(" and ");
  const shapes = found.map(({ shape }) => inFile(shape)).join(" and ");
  throw new SafetensorsError(`${file}: ${names} must have shape ${inFile(wanted)}, has ${shapes}`);
}

/** Tensors one below the other. */
function stacked(parts: readonly FloatTensor[], shape: Shape): FloatTensor {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const data = new Float32Array(sizeOf(shape));
  let offset = 0;
  for (const part of parts) {
    data.set(part.data, offset);
    offset += part.data.length;
  }
  return floatTensor(shape, data);
}

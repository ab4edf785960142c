/** Tensors in the memory of the host, trees of them, and their files. */
export {
  bytesOf,
  filled,
  floatTensor,
  intTensor,
  hostTensor,
  sizeOf,
  zeros,
  type DType,
  type FloatTensor,
  type HostDType,
  type HostTensor,
  type IntTensor,
  type Shape,
} from "./host-tensor.ts";
export {
  BLOCK_SIZE,
  dequantizeBlocks,
  quantizeBlocks,
  type Blocks,
  type CodeBits,
  type QuantizeOptions,
} from "./blocks.ts";
export { checkFinite } from "./check-finite.ts";
export { fromFloat32, toFloat32, type FloatDType } from "./number-types.ts";
export {
  decodeSafetensors,
  encodeSafetensors,
  encodeSource,
  memoryReader,
  openSafetensors,
  SafetensorsError,
  type ByteReader,
  type TensorFile,
} from "./safetensors.ts";
export { openShards } from "./shards.ts";
export { memorySource, type TensorInfo, type TensorSource } from "./source.ts";
export { flatten, mapTree, unflatten, type Flat, type Tree } from "./tree.ts";

/** Tensors in the memory of the host, trees of them, and their files. */
export {
  bytesOf,
  filled,
  floatTensor,
  intTensor,
  sizeOf,
  zeros,
  type DType,
  type FloatTensor,
  type HostTensor,
  type IntTensor,
  type Shape,
} from "./host-tensor.ts";
export { decodeSafetensors, encodeSafetensors, SafetensorsError, type TensorFile } from "./safetensors.ts";
export { memorySource, type TensorInfo, type TensorSource } from "./source.ts";
export { flatten, mapTree, unflatten, type Flat, type Tree } from "./tree.ts";

import { describe, expect, it } from "vitest";
import { InfiniError } from "../base/errors.ts";
import { floatTensor, hostTensor, intTensor, zeros, type HostTensor } from "./host-tensor.ts";
import type { TensorSource } from "./source.ts";
import type { Flat } from "./tree.ts";

/** Tensors of every type that a file holds, one of them without elements. */
export const SOURCE_TENSORS: Flat<HostTensor> = {
  matrix: floatTensor([2, 3], Float32Array.of(1, -2, 0.5, NaN, Infinity, -0)),
  bytes: hostTensor("uint8", [3], Uint8Array.of(0, 128, 255)), // what follows does not lie at a multiple of 2
  half: hostTensor("float16", [2], Uint16Array.of(0x3c00, 0xffff)),
  "layers.0.brain": hostTensor("bfloat16", [1, 3], Uint16Array.of(0x3f80, 0x0001, 0x8000)),
  whole: intTensor([2], Int32Array.of(-1, 2 ** 31 - 1)),
  none: zeros([0, 4]),
  number: floatTensor([], Float32Array.of(7)),
};

export const SOURCE_METADATA: Readonly<Record<string, string>> = { format: "pt", ü: '"' };

/**
 * What every source of tensors must do.
 *
 * @param open Opens one that has {@link SOURCE_TENSORS} and {@link SOURCE_METADATA}.
 */
export function sourceSuite(name: string, open: () => TensorSource | Promise<TensorSource>): void {
  describe(`tensors of ${name}`, () => {
    it("lists its contents before reading any data", async () => {
      const { infos, metadata } = await open();
      const expected = Object.entries(SOURCE_TENSORS).map(([each, { dtype, shape }]) => [each, { dtype, shape }]);
      expect(infos).toEqual(Object.fromEntries(expected));
      expect(metadata).toEqual(SOURCE_METADATA);
    });

    it("reads each tensor, in any order, twice, and in parallel", async () => {
      const source = await open();
      const names = [...Object.keys(SOURCE_TENSORS).toReversed(), "matrix", "half"];
      const read = await Promise.all(names.map((each) => source.read(each)));
      expect(read).toEqual(names.map((each) => SOURCE_TENSORS[each]));
    });

    it("refuses an unknown name, even one that every object has", async () => {
      const source = await open();
      for (const missing of ["nothing", "toString", "__proto__"]) {
        await expect(source.read(missing)).rejects.toThrow(InfiniError);
        await expect(source.read(missing)).rejects.toThrow(`no tensor "${missing}"`);
      }
    });
  });
}

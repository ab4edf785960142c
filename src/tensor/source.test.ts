import { describe, expect, it } from "vitest";
import { OptionError } from "../base/errors.ts";
import { filled } from "./host-tensor.ts";
import { memorySource } from "./source.ts";
import { SOURCE_METADATA, SOURCE_TENSORS, sourceSuite } from "./source.suite.ts";

sourceSuite("memory", () => memorySource(SOURCE_TENSORS, SOURCE_METADATA));

describe("a source in memory", () => {
  const weight = filled([2, 3], 1);
  const source = memorySource({ weight }, { format: "2" });

  it("says what there is and reads it", async () => {
    expect(source.infos).toEqual({ weight: { dtype: "float32", shape: [2, 3] } });
    expect(source.metadata).toEqual({ format: "2" });
    expect(await source.read("weight")).toBe(weight);
  });

  it("has nothing under another name", async () => {
    await expect(source.read("bias")).rejects.toThrow(new OptionError('there is no tensor "bias"'));
  });
});

import { describe, expect, it } from "vitest";
import { zeros, type HostTensor } from "./host-tensor.ts";
import { encodeSafetensors, memoryReader, openSafetensors, SafetensorsError } from "./safetensors.ts";
import { openShards } from "./shards.ts";
import type { TensorSource } from "./source.ts";
import { SOURCE_METADATA, SOURCE_TENSORS, sourceSuite } from "./source.suite.ts";
import type { Flat } from "./tree.ts";

type Shards = Readonly<Record<string, Flat<HostTensor>>>;

const entries = Object.entries(SOURCE_TENSORS);
const halves: Shards = {
  "a-1.safetensors": Object.fromEntries(entries.slice(0, 3)),
  "a-2.safetensors": Object.fromEntries(entries.slice(3)),
};

sourceSuite("several files", () => opened(indexOf(halves), halves));

describe("openShards", () => {
  it("opens each file once", async () => {
    const files: string[] = [];
    await openShards(indexOf(halves), async (file) => (files.push(file), open(halves, file)), "index");
    expect(files).toEqual(["a-1.safetensors", "a-2.safetensors"]);
  });

  it("has tensors that the index does not name", async () => {
    const { weight_map: map } = indexOf(halves);
    const { matrix: _, ...rest } = map;
    expect(Object.keys((await opened({ weight_map: rest }, halves)).infos)).toContain("matrix");
  });

  it.each(["../a.safetensors", "a/b.safetensors", "/a", "a\\b", "..", ".", "", "C:a", ".hidden", "a\0"])(
    "refuses the file %j, which is in another folder",
    async (file) => {
      const failed = opened({ weight_map: { w: file } }, { [file]: { w: zeros([1]) } });
      await expect(failed).rejects.toThrow(SafetensorsError);
      await expect(failed).rejects.toThrow(`index: names ${JSON.stringify(file)}, which is not a file in its folder`);
    },
  );

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["a list", []],
    ["no map", { metadata: {} }],
    ["numbers for files", { weight_map: { w: 1 } }],
  ])("refuses an index that is %s", async (_, index) => {
    await expect(opened(index, {})).rejects.toThrow('index: has no "weight_map" from names to files');
  });

  it("refuses a tensor in two files", async () => {
    const both = { one: { w: zeros([1]) }, two: { w: zeros([1]), v: zeros([1]) } };
    await expect(opened({ weight_map: { w: "one", v: "two" } }, both)).rejects.toThrow(
      'index: "w" is in one and in two',
    );
  });

  it("refuses an index that names a tensor its file lacks", async () => {
    const files = { one: { w: zeros([1]) }, two: { v: zeros([1]) } };
    await expect(opened({ weight_map: { w: "one", v: "two", u: "two" } }, files)).rejects.toThrow(
      'index: "u" is not in two',
    );
    await expect(opened({ weight_map: { w: "two", v: "one" } }, files)).rejects.toThrow('index: "w" is not in two');
  });
});

// --- internal ---

function indexOf(shards: Shards): { weight_map: Record<string, string> } {
  const places = Object.entries(shards).flatMap(([file, tensors]) => Object.keys(tensors).map((name) => [name, file]));
  return { weight_map: Object.fromEntries(places) as Record<string, string> };
}

function opened(index: unknown, shards: Shards): Promise<TensorSource> {
  return openShards(index, (file) => open(shards, file), "index");
}

function open(shards: Shards, file: string): Promise<TensorSource> {
  return openSafetensors(memoryReader(encodeSafetensors(shards[file] ?? {}, SOURCE_METADATA)), file);
}

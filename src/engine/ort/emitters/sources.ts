import { bytesIn } from "../../../tensor/host-tensor.ts";
import { DATA_TYPES, tensorValue, type Emitters } from "./emitter.ts";

export const sources: Emitters<"constant"> = {
  constant: ({ attributes: { value } }) => {
    const t = { dims: [...value.shape], dataType: DATA_TYPES[value.dtype], rawData: bytesIn(value) };
    return { type: "Constant", inputs: [], attributes: [tensorValue("value", t)] };
  },
};

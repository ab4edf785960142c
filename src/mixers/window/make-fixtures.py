"""Writes fixtures.json: windowed attention in PyTorch, for mixer.test.ts.

Without sinks: scaled_dot_product_attention over the whole text with an explicit mask. With sinks: one call for each token
over the cache that StreamingLLM would hold, with positions by place in that cache. RoPE is that of Llama in transformers.
Made with Python 3.11, torch 2.13.0 and transformers 5.18.0:

    python make-fixtures.py
"""

import json
import pathlib

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

B, T, D, H, K, d, N, BASE = 2, 19, 6, 4, 2, 4, 4, 100.0
WINDOWS = [(8, 0), (4, 2), (24, 0)]  # windowLength, sinks


def main():
    torch.manual_seed(0)
    x = short(torch.randn(B, T, D))
    params = {
        name: short(torch.randn(rows, columns) / 2)
        for name, rows, columns in [("query", D, H * d), ("key", D, K * d), ("value", D, K * d), ("output", H * d, D)]
    }
    rotary = LlamaRotaryEmbedding(
        LlamaConfig(
            hidden_size=H * d,
            num_attention_heads=H,
            head_dim=d,
            rope_parameters={"rope_type": "default", "rope_theta": BASE},
        )
    )
    cases = [
        {"windowLength": W, "sinks": sinks, "y": values(run(params, rotary, x, W, sinks))} for W, sinks in WINDOWS
    ]
    config = {"modelDim": D, "numHeads": H, "numKeyValueHeads": K, "headDim": d, "segmentLength": N, "ropeBase": BASE}
    fixtures = {"config": config, "params": {name: values(value.T) for name, value in params.items()}, "x": values(x)}
    path = pathlib.Path(__file__).with_name("fixtures.json")
    path.write_text(json.dumps({**fixtures, "cases": cases}) + "\n")


def run(params, rotary, x, W, sinks):
    heads = lambda name, count: (x @ params[name]).view(B, T, count, d).transpose(1, 2)
    q, k, v = heads("query", H), heads("key", K), heads("value", K)
    if sinks == 0:
        distance = torch.arange(T)[:, None] - torch.arange(T)[None, :]
        out = attend(rotary, q, k, v, torch.arange(T), (distance >= 0) & (distance < W))
    else:
        out = torch.cat([step(rotary, q, k, v, t, W, sinks) for t in range(T)], dim=2)
    return out.transpose(1, 2).reshape(B, T, H * d) @ params["output"]


def step(rotary, q, k, v, t, W, sinks):
    """The token t alone, over its cache."""
    cache = [s for s in range(t + 1) if s < sinks or s > t - W]
    return attend(rotary, q[:, :, t : t + 1], k[:, :, cache], v[:, :, cache], torch.tensor([len(cache) - 1]), None)


def attend(rotary, q, k, v, places, mask):
    """Queries at `places`, keys at 0, 1, .."""
    turn = lambda states, positions: apply_rotary_pos_emb(states, states, *rotary(states, positions[None, :]))[0]
    q, k = turn(q, places), turn(k, torch.arange(k.shape[2]))
    return scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)


def short(tensor):
    """Numbers that are exact in few digits."""
    return torch.round(tensor * 64) / 64


def values(tensor):
    return {"shape": list(tensor.shape), "data": [round(value, 6) for value in tensor.flatten().tolist()]}


main()

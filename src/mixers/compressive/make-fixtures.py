"""Writes fixtures.json: a layer of a Compressive Transformer, transcribed from arXiv 1911.05507 (section 3, algorithms
1 and 2) with torch.nn.functional.conv1d, and gradients by torch.autograd. Positions are rotary, by the place among all
that is seen. Run with: python make-fixtures.py   (torch 2.13.0, Python 3.11)"""

import json
import math
import pathlib

import torch
from torch.nn.functional import conv1d, mse_loss

torch.set_default_dtype(torch.float64)


def wave(shape, seed, amplitude):
    """Numbers that any language computes alike."""
    values = [math.sin(1.7 * seed + 2.3 * i + 0.11 * i * i) for i in range(math.prod(shape))]
    return amplitude * torch.tensor(values).reshape(shape)


def rope(x, positions, base):
    """[.., T, d]: the pairs (i, i + d/2) as complex numbers, turned."""
    half = x.shape[-1] // 2
    angles = positions[:, None] * base ** (-torch.arange(half) / half)
    turned = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([turned.real, turned.imag], -1)


def layer(config, w, x):
    H, K, d, N, r = (config[name] for name in ("numHeads", "numKeyValueHeads", "headDim", "segmentLength", "rate"))
    D = x.shape[-1]
    heads = lambda y, count: y.reshape(*y.shape[:2], count, d).transpose(1, 2)

    def qkv(h, seen, weights):
        k, v = (heads(seen @ weights[name], K).repeat_interleave(H // K, 1) for name in ("key", "value"))
        return heads(h @ weights["query"], H), k, v

    def content(h, seen):  # attn(h, m) of algorithm 2
        q, k, v = qkv(h, seen, {name: value.detach() for name, value in w.items()})
        return (q @ k.mT / d**0.5).softmax(-1) @ v

    def compress(old):
        kernel = w["compression.kernel"].reshape(r, D, D).permute(2, 1, 0)  # [out, in, place]
        return conv1d(old.mT, kernel, w["compression.bias"], stride=r).mT

    memory = compressed = x[:, :0].detach()
    ys, auxiliary = [], 0
    for h in x.split(N, 1):
        seen = torch.cat([compressed, memory, h], 1)
        places = torch.arange(seen.shape[1])
        q, k, v = qkv(h, seen, w)
        scores = rope(q, places[-N:], config["ropeBase"]) @ rope(k, places, config["ropeBase"]).mT / d**0.5
        scores = scores.masked_fill(places[None, :] > places[-N:, None], -torch.inf)
        ys.append((scores.softmax(-1) @ v).transpose(1, 2).flatten(2) @ w["output"])
        memory = torch.cat([memory, h.detach()], 1)
        if memory.shape[1] > config["memoryLength"]:
            old, memory = memory[:, :N], memory[:, N:]
            new = compress(old)
            difference = mse_loss(content(h.detach(), new), content(h.detach(), old), reduction="none")  # [B, H, N, d]
            auxiliary = auxiliary + difference.mean((1, 3)).sum()
            compressed = torch.cat([compressed, new.detach()], 1)[:, -config["compressedLength"] :]
    return torch.cat(ys, 1), auxiliary


def main():
    config = dict(modelDim=6, numHeads=4, numKeyValueHeads=2, headDim=4, segmentLength=4, ropeBase=100, memoryLength=4, compressedLength=4, rate=2)
    D, H, K, d, r = (config[name] for name in ("modelDim", "numHeads", "numKeyValueHeads", "headDim", "rate"))
    shapes = {"query": [D, H * d], "key": [D, K * d], "value": [D, K * d], "output": [H * d, D], "compression.kernel": [r * D, D], "compression.bias": [D]}
    # Matrices as [in, out] here; what is recorded is of [out, in].
    w = {name: wave(shape, seed, 0.9).requires_grad_() for seed, (name, shape) in enumerate(shapes.items())}
    x = wave([1, 20, D], 10, 1.5).requires_grad_()
    y, auxiliary = layer(config, w, x)
    ((y * wave(y.shape, 11, 1)).sum() + auxiliary).backward()
    rounded = lambda values: [float(f"{value:.8g}") for value in values.flatten().tolist()]
    fixtures = dict(
        made=f"by make-fixtures.py with torch {torch.__version__}",
        config=config,
        y=rounded(y),
        auxiliary=rounded(auxiliary)[0],
        gradients={name: rounded(value.grad.T if value.dim() == 2 else value.grad) for name, value in {**w, "x": x}.items()},
    )
    pathlib.Path(__file__).with_name("fixtures.json").write_text(json.dumps(fixtures) + "\n")


main()

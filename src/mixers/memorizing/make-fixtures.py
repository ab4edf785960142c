"""Writes fixtures.json: the memory layer of a Memorizing Transformer, transcribed from arXiv 2203.08913 (section 3) and
the equations of google-research/meliad with torch.topk, and gradients by torch.autograd. Positions are rotary, counted
from the first token of the sequence. Run with: python make-fixtures.py   (torch 2.13.0, Python 3.11)"""

import json
import math
import pathlib

import torch

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
    B, T, D = x.shape
    H, K, d, N = (config[name] for name in ("numHeads", "numKeyValueHeads", "headDim", "segmentLength"))
    heads = lambda y, count: y.reshape(B, T, count, d).transpose(1, 2)
    q = heads(x @ w["query"], H)
    k, v = (heads(x @ w[name], K).repeat_interleave(H // K, 1) for name in ("key", "value"))
    unit = lambda y: y * torch.rsqrt(y.square().sum(-1, keepdim=True) + 1e-6)
    places = torch.arange(T)
    ys = []
    for start in range(0, T, N):
        now, seen = slice(start, start + N), slice(max(start - N, 0), start + N)
        scores = rope(q[:, :, now], places[now], config["ropeBase"]) @ rope(k[:, :, seen], places[seen], config["ropeBase"]).mT
        hidden = places[seen][None, :] > places[now][:, None]
        local = (scores / d**0.5).masked_fill(hidden, -torch.inf).softmax(-1) @ v[:, :, seen]
        stored = slice(max(start - config["storeSize"], 0), start)  # every segment before, as far as the store reaches
        if start > 0:
            keys, values = unit(k[:, :, stored]).detach(), v[:, :, stored].detach()
            cosines = unit(q[:, :, now]) @ keys.mT
            nearest, index = cosines.topk(min(config["topK"], keys.shape[2]), -1)
            found = torch.take_along_dim(values[:, :, None], index[..., None], 3)  # [B, H, N, topK, d]
            weights = (nearest * w["scale"].abs()[:, None, None]).softmax(-1)
            retrieved = (weights[..., None] * found).sum(-2)
            g = torch.sigmoid(w["gate"])[:, None, None]
            local = (1 - g) * local + g * retrieved
        ys.append(local.transpose(1, 2).reshape(B, N, H * d) @ w["output"])
    return torch.cat(ys, 1)


def main():
    config = dict(modelDim=6, numHeads=4, numKeyValueHeads=2, headDim=4, segmentLength=4, ropeBase=100, storeSize=8, topK=3, scaleInit=1)
    D, H, K, d = (config[name] for name in ("modelDim", "numHeads", "numKeyValueHeads", "headDim"))
    shapes = dict(query=[D, H * d], key=[D, K * d], value=[D, K * d], output=[H * d, D], gate=[H], scale=[H])
    # Matrices as [in, out] here; what is recorded is of [out, in].
    w = {name: wave(shape, seed, 0.9).requires_grad_() for seed, (name, shape) in enumerate(shapes.items())}
    x = wave([1, 20, D], 10, 1.5).requires_grad_()
    y = layer(config, w, x)
    (y * wave(y.shape, 11, 1)).sum().backward()
    rounded = lambda values: [float(f"{value:.8g}") for value in values.flatten().tolist()]
    fixtures = dict(
        made=f"by make-fixtures.py with torch {torch.__version__}",
        config=config,
        y=rounded(y),
        gradients={name: rounded(value.grad.T if value.dim() == 2 else value.grad) for name, value in {**w, "x": x}.items()},
    )
    pathlib.Path(__file__).with_name("fixtures.json").write_text(json.dumps(fixtures) + "\n")


main()

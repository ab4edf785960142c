#!/usr/bin/env python3
"""The PyTorch peer of the training-step benchmark: same model, same loss, same optimizer.

A server on stdin and stdout, so that a driver can alternate runs with another peer:
after a warm-up (compilation and three steps) it prints one JSON line with "ready", then
answers each line `run K` with the time of K training steps, until `quit` or end of input.
See README.md beside this file.
"""

import argparse
import ctypes
import json
import os
import struct
import sys
import time

WARM_UP_STEPS = 3
MEMORY_EPSILON = 1e-6
BETAS = (0.9, 0.95)
ADAM_EPSILON = 1e-8
WEIGHT_DECAY = 0.1
GATE_RATE_FACTOR = 10.0
MAX_GRADIENT_NORM = 1.0

COUNTS = ("vocabularySize", "modelDim", "numLayers", "numHeads", "numKeyValueHeads", "headDim",
          "feedForwardDim", "segmentLength")
NUMBERS = ("learningRate", "ropeBase", "normEpsilon")


class InputError(Exception):
    """Something the caller gave is wrong; the message says what."""


def positive_int(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return value


def parse_arguments():
    parser = argparse.ArgumentParser(description="PyTorch training-step server (see README.md)")
    parser.add_argument("--weights", required=True, help="initial weights, .safetensors, float32")
    parser.add_argument("--config", required=True, help="model and optimizer settings, .json")
    parser.add_argument("--tokens", required=True,
                        help="little-endian int32 of shape [batch, segments * segmentLength + 1]")
    parser.add_argument("--batch", type=positive_int, required=True)
    parser.add_argument("--segments", type=positive_int, required=True)
    parser.add_argument("--steps", type=positive_int, default=1, help="steps of a `run` that names no number")
    parser.add_argument("--mode", choices=("eager", "compile"), required=True)
    parser.add_argument("--threads", type=positive_int, required=True)
    parser.add_argument("--attention", choices=("sdpa", "plain"), default="sdpa",
                        help="local attention: scaled_dot_product_attention, or matmul and softmax")
    parser.add_argument("--optimizer", choices=("fused", "foreach"), default="fused")
    parser.add_argument("--allocator", choices=("keep", "default"), default="keep",
                        help="keep: glibc holds on to freed memory instead of returning it every step")
    return parser.parse_args()


def keep_freed_memory():
    """Stops glibc from unmapping large buffers when freed, which would fault them in every step."""
    trim_threshold, mmap_max = -1, -4
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
    except (OSError, AttributeError):
        pass  # Not glibc: its own behaviour stands.


arguments = parse_arguments()
# These have to precede the first use of torch's thread pool and of its allocator.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(arguments.threads)
if arguments.allocator == "keep":
    keep_freed_memory()

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
except ImportError as error:
    sys.exit(f"torch_step.py: {error}. Install torch and numpy first: see README.md")


def read_file(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def read_config(path):
    try:
        config = json.loads(read_file(path))
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} does not hold a JSON object")
    for key in COUNTS:
        if type(config.get(key)) is not int or config[key] < 1:
            raise InputError(f"{path}: {key} must be a positive whole number, not {config.get(key)!r}")
    for key in NUMBERS:
        if type(config.get(key)) not in (int, float) or not config[key] > 0:
            raise InputError(f"{path}: {key} must be a positive number, not {config.get(key)!r}")
    if config["numHeads"] % config["numKeyValueHeads"]:
        raise InputError(f"{path}: numHeads is not a multiple of numKeyValueHeads")
    if config["headDim"] % 2:
        raise InputError(f"{path}: headDim must be even")
    return config


def read_safetensors(path):
    data = read_file(path)
    try:
        size = struct.unpack_from("<Q", data)[0]
        header = json.loads(data[8:8 + size])
        body, tensors = memoryview(data)[8 + size:], {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            if entry["dtype"] != "F32":
                raise InputError(f"{path}: {name} is {entry['dtype']}, and only F32 is read")
            start, end = entry["data_offsets"]
            array = np.frombuffer(body[start:end], dtype="<f4").reshape(entry["shape"])
            tensors[name] = torch.from_numpy(array.copy())
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a valid safetensors file: {error}") from error
    return tensors


def read_tokens(path, batch, length, vocabulary):
    data = read_file(path)
    if len(data) != 4 * batch * length:
        raise InputError(f"{path} holds {len(data)} bytes; int32 of [{batch}, {length}] takes {4 * batch * length}")
    tokens = np.frombuffer(data, dtype="<i4").astype(np.int64).reshape(batch, length)
    if tokens.min() < 0 or tokens.max() >= vocabulary:
        raise InputError(f"{path} holds ids from {tokens.min()} to {tokens.max()}; the vocabulary has {vocabulary}")
    tokens = torch.from_numpy(tokens)
    return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()


class Attention(torch.nn.Module):
    def __init__(self, take, prefix, config, plain):
        super().__init__()
        self.heads, self.kv_heads = config["numHeads"], config["numKeyValueHeads"]
        self.head_dim, self.segment, self.plain = config["headDim"], config["segmentLength"], plain
        model, inner, kv = config["modelDim"], self.heads * self.head_dim, self.kv_heads * self.head_dim
        # One product for the three projections; AdamW and the norm act the same on the joined matrix.
        self.query_key_value = torch.nn.Parameter(torch.cat([
            take(prefix + "query", model, inner),
            take(prefix + "key", model, kv),
            take(prefix + "value", model, kv)], dim=1))
        self.output = torch.nn.Parameter(take(prefix + "output", inner, model))
        self.gate = torch.nn.Parameter(take(prefix + "gate", self.heads))

    def local(self, query, key, value):
        """Causal softmax attention inside each segment. [B*S, N, heads, d] in, [B*S, N, H, d] out."""
        grouped = self.heads != self.kv_heads
        query, key, value = (x.transpose(1, 2) for x in (query, key, value))
        if not self.plain:
            return F.scaled_dot_product_attention(
                query, key, value, is_causal=True, enable_gqa=grouped).transpose(1, 2)
        if grouped:
            key, value = (x.repeat_interleave(self.heads // self.kv_heads, dim=1) for x in (key, value))
        future = torch.ones(self.segment, self.segment, dtype=torch.bool).triu(1)
        scores = (query * self.head_dim ** -0.5) @ key.transpose(-1, -2)
        return (scores.masked_fill(future, -torch.inf).softmax(-1) @ value).transpose(1, 2)

    def forward(self, x, cosine, sine):
        batch, tokens, _ = x.shape
        segment, segments, d = self.segment, tokens // self.segment, self.head_dim
        kv, group = self.kv_heads, self.heads // self.kv_heads
        joined = (x @ self.query_key_value).view(batch * segments, segment, self.heads + 2 * kv, d)
        rotated = joined[:, :, :self.heads + kv]
        rotated = rotated * cosine + rotated.roll(d // 2, -1) * sine
        value = joined[:, :, self.heads + kv:]
        local = self.local(rotated[:, :, :self.heads], rotated[:, :, self.heads:], value)
        if segments == 1:
            return local.reshape(batch, tokens, -1) @ self.output

        # The memory that segment s reads is the sum over the segments before it.
        by_segment = joined.view(batch, segments, segment, self.heads + 2 * kv, d)
        query = F.elu(by_segment[:, 1:, :, :self.heads]) + 1
        key = (F.elu(by_segment[:, :-1, :, self.heads:self.heads + kv]) + 1).transpose(2, 3)
        past = by_segment[:, :-1, :, self.heads + kv:].transpose(2, 3)
        memory = (key.transpose(-1, -2) @ past).cumsum(1)  # [B, S-1, Hkv, d, d]
        normalizer = key.sum(-2).cumsum(1)  # [B, S-1, Hkv, d]
        # [B, S-1, Hkv, G*N, d]: the query heads of one key-value head share its memory.
        query = query.view(batch, segments - 1, segment, kv, group, d).permute(0, 1, 3, 4, 2, 5)
        query = query.reshape(batch, segments - 1, kv, group * segment, d)
        numerator = query @ memory
        denominator = query @ normalizer.unsqueeze(-1) + MEMORY_EPSILON
        gate = torch.sigmoid(self.gate)
        share = gate.view(kv, group, 1, 1) / denominator.view(batch, segments - 1, kv, group, segment, 1)
        recalled = numerator.view(batch, segments - 1, kv, group, segment, d) * share
        recalled = recalled.permute(0, 1, 4, 2, 3, 5).reshape(batch, segments - 1, segment, self.heads, d)
        local = local.view(batch, segments, segment, self.heads, d)
        mixed = torch.addcmul(recalled, local[:, 1:], (1 - gate).view(-1, 1))
        mixed = torch.cat([local[:, :1], mixed], dim=1)
        return mixed.reshape(batch, tokens, -1) @ self.output


class Block(torch.nn.Module):
    def __init__(self, take, prefix, config, plain):
        super().__init__()
        model, inner = config["modelDim"], config["feedForwardDim"]
        self.epsilon = config["normEpsilon"]
        self.attention_norm = torch.nn.Parameter(take(prefix + "attentionNorm", model))
        self.attention = Attention(take, prefix + "attention.", config, plain)
        self.feed_forward_norm = torch.nn.Parameter(take(prefix + "feedForwardNorm", model))
        self.gate_up = torch.nn.Parameter(torch.cat([
            take(prefix + "feedForward.gate", model, inner),
            take(prefix + "feedForward.up", model, inner)], dim=1))
        self.down = torch.nn.Parameter(take(prefix + "feedForward.down", inner, model))

    def forward(self, x, cosine, sine):
        normed = F.rms_norm(x, x.shape[-1:], self.attention_norm, self.epsilon)
        x = x + self.attention(normed, cosine, sine)
        normed = F.rms_norm(x, x.shape[-1:], self.feed_forward_norm, self.epsilon)
        gate, up = (normed @ self.gate_up).chunk(2, dim=-1)
        return x + (F.silu(gate) * up) @ self.down


class Model(torch.nn.Module):
    def __init__(self, tensors, config, plain=False):
        super().__init__()
        left = dict(tensors)

        def take(name, *shape):
            if name not in left:
                raise InputError(f"the weights lack {name}")
            if tuple(left[name].shape) != shape:
                raise InputError(f"{name} has shape {list(left[name].shape)}; the config wants {list(shape)}")
            return left.pop(name)

        model, vocabulary = config["modelDim"], config["vocabularySize"]
        self.epsilon = config["normEpsilon"]
        self.embedding = torch.nn.Parameter(take("embedding", vocabulary, model))
        self.blocks = torch.nn.ModuleList(
            Block(take, f"blocks.{i}.", config, plain) for i in range(config["numLayers"]))
        self.final_norm = torch.nn.Parameter(take("finalNorm", model))
        self.head = torch.nn.Parameter(take("head", model, vocabulary)) if "head" in left else None
        if left:
            raise InputError(f"the weights hold names the model does not have: {', '.join(sorted(left))}")

        # Pairs (i, i + d/2); the sine carries the sign of its half. Positions restart in each segment.
        half = config["headDim"] // 2
        rates = config["ropeBase"] ** (-torch.arange(half, dtype=torch.float64) / half)
        angles = torch.arange(config["segmentLength"], dtype=torch.float64)[:, None, None] * rates
        self.register_buffer("cosine", torch.cat([angles.cos()] * 2, -1).float())
        self.register_buffer("sine", torch.cat([-angles.sin(), angles.sin()], -1).float())

    def forward(self, inputs, targets):
        x = F.embedding(inputs, self.embedding)
        for block in self.blocks:
            x = block(x, self.cosine, self.sine)
        x = F.rms_norm(x, x.shape[-1:], self.final_norm, self.epsilon)
        logits = x @ (self.embedding.t() if self.head is None else self.head)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def make_optimizer(model, rate, kind):
    gates = [p for name, p in model.named_parameters() if name.endswith("attention.gate")]
    norms = [p for name, p in model.named_parameters() if name.endswith("norm")]
    matrices = [p for p in model.parameters() if p.dim() == 2]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY},
              {"params": norms, "weight_decay": 0.0},
              {"params": gates, "weight_decay": 0.0, "lr": GATE_RATE_FACTOR * rate}]
    return torch.optim.AdamW(groups, lr=rate, betas=BETAS, eps=ADAM_EPSILON, **{kind: True})


def make_step(options):
    """Builds the model from the files and returns a function that takes one training step."""
    config = read_config(options.config)
    length = options.segments * config["segmentLength"]
    inputs, targets = read_tokens(options.tokens, options.batch, length + 1, config["vocabularySize"])
    model = Model(read_safetensors(options.weights), config, options.attention == "plain")
    optimizer = make_optimizer(model, config["learningRate"], options.optimizer)
    parameters = list(model.parameters())
    loss_of = torch.compile(model, dynamic=False, fullgraph=True) if options.mode == "compile" else model

    def step():
        loss = loss_of(inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step, options.batch * length


def main():
    # Only JSON lines may reach stdout: whatever a compiler or a library prints goes to stderr.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def reply(message):
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    torch.set_num_threads(arguments.threads)
    step, tokens_per_step = make_step(arguments)
    losses = [step() for _ in range(WARM_UP_STEPS)]
    reply({"ready": True, "torch": torch.__version__.split("+")[0], "mode": arguments.mode,
           "threads": torch.get_num_threads(), "losses": losses})

    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        if words == ["quit"]:
            break
        count = words[1] if len(words) == 2 else str(arguments.steps)
        if words[0] != "run" or len(words) > 2 or not (count.isascii() and count.isdigit() and int(count)):
            reply({"error": f"expected `run K` or `quit`, not {line.strip()!r}"})
            continue
        start = time.perf_counter()
        for _ in range(int(count)):
            loss = step()
        seconds = time.perf_counter() - start
        reply({"seconds": seconds, "tokens": int(count) * tokens_per_step, "loss": loss})


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"torch_step.py: {error}")

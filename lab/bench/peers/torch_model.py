"""The model of the benchmarks in PyTorch: 3.28 M parameters with the paper's linear memory, from our own files.

Whole sequences for training and reading, token by token for decoding; both give the same logits. See ../README.md.
"""

import json
import struct

import numpy as np
import torch
import torch.nn.functional as F

MEMORY_EPSILON = 1e-6

COUNTS = ("vocabularySize", "modelDim", "numLayers", "numHeads", "numKeyValueHeads", "headDim",
          "feedForwardDim", "segmentLength")
NUMBERS = ("learningRate", "ropeBase", "normEpsilon")


class InputError(Exception):
    """Something the caller gave is wrong; the message says what."""


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


def read_tokens(path, batch, vocabulary):
    data = read_file(path)
    if len(data) == 0 or len(data) % (4 * batch):
        raise InputError(f"{path} holds {len(data)} bytes, which are not int32 of {batch} lanes")
    tokens = np.frombuffer(data, dtype="<i4").astype(np.int64).reshape(batch, -1)
    if tokens.min() < 0 or tokens.max() >= vocabulary:
        raise InputError(f"{path} holds ids from {tokens.min()} to {tokens.max()}; the vocabulary has {vocabulary}")
    return torch.from_numpy(tokens)


class Attention(torch.nn.Module):
    def __init__(self, take, prefix, config, plain):
        super().__init__()
        self.heads, self.kv_heads = config["numHeads"], config["numKeyValueHeads"]
        self.head_dim, self.segment, self.plain = config["headDim"], config["segmentLength"], plain
        model, inner, kv = config["modelDim"], self.heads * self.head_dim, self.kv_heads * self.head_dim
        # One product for the three projections; AdamW and the norm act the same on the joined matrix.
        self.query_key_value = torch.nn.Parameter(torch.cat([
            take(prefix + "query", inner, model),
            take(prefix + "key", kv, model),
            take(prefix + "value", kv, model)], dim=0))
        self.output = torch.nn.Parameter(take(prefix + "output", model, inner))
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
        joined = F.linear(x, self.query_key_value).view(batch * segments, segment, self.heads + 2 * kv, d)
        rotated = joined[:, :, :self.heads + kv]
        rotated = rotated * cosine + rotated.roll(d // 2, -1) * sine
        value = joined[:, :, self.heads + kv:]
        local = self.local(rotated[:, :, :self.heads], rotated[:, :, self.heads:], value)
        if segments == 1:
            return F.linear(local.reshape(batch, tokens, -1), self.output)

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
        return F.linear(mixed.reshape(batch, tokens, -1), self.output)

    def empty_cache(self, batch):
        """What a stream keeps of this layer: the open segment, keys with and without positions, and the memory."""
        segment = (batch, self.kv_heads, self.segment, self.head_dim)
        return {"keys": torch.zeros(segment), "plain": torch.zeros(segment), "values": torch.zeros(segment),
                "memory": torch.zeros(batch, self.kv_heads, self.head_dim, self.head_dim),
                "normalizer": torch.zeros(batch, self.kv_heads, self.head_dim)}

    def step(self, x, cosine, sine, cache, offset, past):
        """One token of each lane, x [B, 1, D]; `offset` [1] is its place in the segment, `past` 1 where one came before."""
        batch, kv, group, d = x.shape[0], self.kv_heads, self.heads // self.kv_heads, self.head_dim
        joined = F.linear(x, self.query_key_value).view(batch, 1, self.heads + 2 * kv, d)
        rotated = joined[:, :, :self.heads + kv]
        rotated = rotated * cosine[offset] + rotated.roll(d // 2, -1) * sine[offset]
        cache["keys"].index_copy_(2, offset, rotated[:, :, self.heads:].transpose(1, 2))
        cache["plain"].index_copy_(2, offset, joined[:, :, self.heads:self.heads + kv].transpose(1, 2))
        cache["values"].index_copy_(2, offset, joined[:, :, self.heads + kv:].transpose(1, 2))
        seen = (torch.arange(self.segment) <= offset).view(1, 1, 1, -1)
        local = F.scaled_dot_product_attention(rotated[:, :, :self.heads].transpose(1, 2), cache["keys"],
                                               cache["values"], attn_mask=seen, enable_gqa=self.heads != kv)
        query = F.elu(joined[:, 0, :self.heads].view(batch, kv, group, d)) + 1
        denominator = query @ cache["normalizer"].unsqueeze(-1) + MEMORY_EPSILON
        gate = torch.sigmoid(self.gate).view(kv, group, 1) * past
        mixed = gate * (query @ cache["memory"]) / denominator + (1 - gate) * local.view(batch, kv, group, d)
        return F.linear(mixed.reshape(batch, 1, -1), self.output)

    def commit(self, cache):
        """Writes the open segment, which is full, to the memory."""
        key = F.elu(cache["plain"]) + 1
        cache["memory"] += key.transpose(-1, -2) @ cache["values"]
        cache["normalizer"] += key.sum(-2)


class Block(torch.nn.Module):
    def __init__(self, take, prefix, config, plain):
        super().__init__()
        model, inner = config["modelDim"], config["feedForwardDim"]
        self.epsilon = config["normEpsilon"]
        self.attention_norm = torch.nn.Parameter(take(prefix + "attentionNorm", model))
        self.attention = Attention(take, prefix + "attention.", config, plain)
        self.feed_forward_norm = torch.nn.Parameter(take(prefix + "feedForwardNorm", model))
        self.gate_up = torch.nn.Parameter(torch.cat([
            take(prefix + "feedForward.gate", inner, model),
            take(prefix + "feedForward.up", inner, model)], dim=0))
        self.down = torch.nn.Parameter(take(prefix + "feedForward.down", model, inner))

    def forward(self, x, mix):
        """`mix` is the attention of this block, of whole sequences or of one token."""
        x = x + mix(F.rms_norm(x, x.shape[-1:], self.attention_norm, self.epsilon))
        normed = F.rms_norm(x, x.shape[-1:], self.feed_forward_norm, self.epsilon)
        gate, up = F.linear(normed, self.gate_up).chunk(2, dim=-1)
        return x + F.linear(F.silu(gate) * up, self.down)


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
        self.head = torch.nn.Parameter(take("head", vocabulary, model)) if "head" in left else None
        if left:
            raise InputError(f"the weights hold names the model does not have: {', '.join(sorted(left))}")

        # Pairs (i, i + d/2); the sine carries the sign of its half. Positions restart in each segment.
        half = config["headDim"] // 2
        rates = config["ropeBase"] ** (-torch.arange(half, dtype=torch.float64) / half)
        angles = torch.arange(config["segmentLength"], dtype=torch.float64)[:, None, None] * rates
        self.register_buffer("cosine", torch.cat([angles.cos()] * 2, -1).float())
        self.register_buffer("sine", torch.cat([-angles.sin(), angles.sin()], -1).float())

    def hidden(self, inputs):
        x = F.embedding(inputs, self.embedding)
        for block in self.blocks:
            x = block(x, lambda normed, attention=block.attention: attention(normed, self.cosine, self.sine))
        return F.rms_norm(x, x.shape[-1:], self.final_norm, self.epsilon)

    def logits(self, hidden):
        return F.linear(hidden, self.embedding if self.head is None else self.head)

    def forward(self, inputs, targets):
        """Mean cross-entropy of whole sequences [B, T]."""
        return F.cross_entropy(self.logits(self.hidden(inputs)).flatten(0, 1), targets.flatten())

    def last_logits(self, inputs):
        """Logits [B, V] of what comes after whole sequences [B, T]."""
        return self.logits(self.hidden(inputs)[:, -1])

    def empty_caches(self, batch):
        return [block.attention.empty_cache(batch) for block in self.blocks]

    def step(self, token, caches, offset, past):
        """Logits [B, V] of what comes after one token [B, 1] of a stream."""
        x = F.embedding(token, self.embedding)
        for block, cache in zip(self.blocks, caches):
            x = block(x, lambda normed, attention=block.attention, cache=cache: attention.step(
                normed, self.cosine, self.sine, cache, offset, past))
        return self.logits(F.rms_norm(x, x.shape[-1:], self.final_norm, self.epsilon)[:, -1])

    def commit(self, caches):
        for block, cache in zip(self.blocks, caches):
            block.attention.commit(cache)

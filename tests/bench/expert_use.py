#!/usr/bin/env python3
"""How often the experts of a made model are chosen: what its routers make of random tokens.

    tests/bench/expert_use.py                 all models with experts that are made already
    tests/bench/expert_use.py NAME...

A router is given embeddings of tokens, normed: without what layers add, which is small beside them
(see model_weights.py) and points where an embedding might, so it changes which expert a token
chooses, not how often an expert is chosen. Where all were chosen equally often, the quarter that
is chosen most would get 25 % and the entropy would be 1.
"""
import sys

import environment

environment.enter()

import gguf  # noqa: E402
import numpy as np  # noqa: E402

import make_model  # noqa: E402
import model_weights  # noqa: E402
import random_blocks  # noqa: E402

TOKENS = 4096
STREAMS = [8, 32]


def chosen_experts(path, used):
    """The experts that each of TOKENS random tokens is sent to: [layers, tokens, used]."""
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    table = tensors["token_embd.weight"]
    random = random_blocks.Random("tokens", model_weights.SEED)
    tokens = random.bytes(4 * TOKENS).view(np.uint32) % len(table.data)
    embeddings = gguf.quants.dequantize(table.data[tokens], table.tensor_type)
    embeddings /= np.sqrt(np.mean(embeddings**2, axis=1, keepdims=True))
    routers = [tensor.data for name, tensor in tensors.items() if "ffn_gate_inp" in name]
    return np.stack([np.argpartition(-(embeddings @ router.T), used - 1, axis=1)[:, :used]
                     for router in routers])


def shares(chosen, experts):
    """The share of all choices that falls on each expert, highest first: [layers, experts]."""
    counts = np.stack([np.bincount(layer.ravel(), minlength=experts) for layer in chosen])
    return -np.sort(-counts / counts.sum(axis=1, keepdims=True), axis=1)


def distinct(chosen, streams):
    """How many experts a layer reads in a step of so many tokens, on average."""
    steps = chosen[:, :TOKENS // streams * streams].reshape(-1, streams * chosen.shape[2])
    return np.mean([len(np.unique(step)) for step in steps])


def report(name):
    experts = make_model.MODELS[name][0].experts
    chosen = chosen_experts(make_model.make(name), experts.used)
    share = shares(chosen, experts.count)
    quarter = experts.count // 4
    entropy = -np.sum(share * np.log(np.maximum(share, 1e-12)), axis=1) / np.log(experts.count)
    print(f"{name}: {experts.used} of {experts.count} experts, {len(chosen)} layers")
    print(f"  the quarter chosen most   {share[:, :quarter].sum(axis=1).mean():.0%} of the choices")
    print(f"  the quarter chosen least  {share[:, -quarter:].sum(axis=1).mean():.1%}")
    print(f"  entropy                   {entropy.mean():.3f} of the highest possible")
    for streams in STREAMS:
        print(f"  read for {streams:2d} tokens        {distinct(chosen, streams):.0f} a layer")


def main():
    known = [name for name, (shape, _) in make_model.MODELS.items() if shape.experts]
    for name in sys.argv[1:] or filter(make_model.is_made, known):
        if name not in known:
            sys.exit(f"there is no model '{name}' with experts, but {', '.join(known)}")
        report(name)


if __name__ == "__main__":
    main()

"""Cos and sin of rotary embeddings for every scaling, from transformers' own functions.

Written: rope.json, a list of {"name", "type", <RopeParameters fields>, "head_dim",
"max_position_embeddings", "context", "positions", "cos", "sin"}; cos and sin are
[position][rotary_dim / 2], multiplied by the attention factor.
"""
import json

import torch
from transformers import LlamaConfig, PhiConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.phi.modeling_phi import PhiRotaryEmbedding

import golden

CASES = {
    "default": dict(rope_type="default", rope_theta=10000.0),
    "partial": dict(rope_type="default", rope_theta=50000.0, partial_rotary_factor=0.5),
    "linear": dict(rope_type="linear", rope_theta=10000.0, factor=8.0),
    "llama3": dict(rope_type="llama3", rope_theta=500000.0, factor=32.0, low_freq_factor=1.0,
                   high_freq_factor=4.0, original_max_position_embeddings=8192),
    "yarn": dict(rope_type="yarn", rope_theta=10000.0, factor=4.0,
                 original_max_position_embeddings=4096, beta_fast=32.0, beta_slow=1.0),
    "yarn_exact": dict(rope_type="yarn", rope_theta=150000.0, factor=32.0, truncate=False,
                       original_max_position_embeddings=4096),
    "yarn_mscale": dict(rope_type="yarn", rope_theta=10000.0, factor=40.0, mscale=0.707,
                        mscale_all_dim=1.2, original_max_position_embeddings=4096),
    "longrope": dict(rope_type="longrope", rope_theta=10000.0, factor=32.0,
                     original_max_position_embeddings=4096,
                     short_factor=[1.0 + 0.01 * i for i in range(32)],
                     long_factor=[1.0 + 0.9 * i for i in range(32)]),
    "dynamic": dict(rope_type="dynamic", rope_theta=10000.0, factor=2.0),
}
HEAD_DIM = 64
POSITIONS = [0, 1, 2, 3, 17, 100, 511, 2047, 4095]
BEYOND = [4096, 5000, 8191, 20000]
MAX_POSITIONS = 4096


def table(kind, values, lengths):
    """Rows for positions that are each the last of a sequence of `lengths` tokens."""
    # Llama itself always turns the whole head.
    config_class, rotary_class = ((PhiConfig, PhiRotaryEmbedding)
                                  if "partial_rotary_factor" in values
                                  else (LlamaConfig, LlamaRotaryEmbedding))
    config = config_class(hidden_size=4 * HEAD_DIM, num_attention_heads=4, head_dim=HEAD_DIM,
                          max_position_embeddings=MAX_POSITIONS, rope_parameters=dict(values))
    rows = []
    for length in lengths:
        rotary = rotary_class(config)  # fresh: some types remember the longest so far
        # dynamic and longrope look at the largest position
        cos, sin = rotary(torch.zeros(1), torch.tensor([[length - 1]]))
        half = cos.shape[-1] // 2
        rows.append((cos[0, 0, :half].tolist(), sin[0, 0, :half].tolist()))
    return rows


def generate(out):
    cases = []
    for name, values in CASES.items():
        for suffix, positions in (("", POSITIONS), (" beyond", BEYOND)):
            rows = table(name, values, [p + 1 for p in positions])
            context = max(positions) + 1
            cases.append({"name": name + suffix, "parameters": values, "head_dim": HEAD_DIM,
                          "max_position_embeddings": MAX_POSITIONS, "context": context,
                          "positions": positions, "cos": [r[0] for r in rows],
                          "sin": [r[1] for r in rows]})
    (out / "rope.json").write_text(json.dumps(cases))


if __name__ == "__main__":
    golden.main(generate, packages=["transformers", "torch"])

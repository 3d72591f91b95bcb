"""Llama, Mistral, Mixtral, Ministral."""
from families.spec import COMMON, LEGACY, LLAMA3, LONGROPE, SUPER, YARN, Spec, rope

MINISTRAL3 = dict(max_position_embeddings=64, head_dim=32) | rope(
    "yarn", **YARN, beta_fast=32.0, beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0,
    llama_4_scaling_beta=0.5)

SPECS = [
    Spec("llama_tied", "llama", dict(num_key_value_heads=4, tie_word_embeddings=True),
         hf=("float32", "bfloat16", "sharded"), gguf=("F32", "F16", "BF16", *LEGACY), split=True),
    Spec("llama3_rope", "llama", rope("llama3", **LLAMA3), hf=("float32", "released"),
         gguf=("F32", "Q8_0"), released={"rope_scaling": {"rope_type": "llama3", **LLAMA3}}),
    Spec("llama_linear", "llama", rope("linear", factor=4.0), hf=("float32", "released"),
         released={"rope_scaling": {"type": "linear", "factor": 4.0}}),
    Spec("llama_dynamic", "llama", rope("dynamic", factor=4.0) | dict(max_position_embeddings=16),
         gguf=(), schedule="steps"),
    Spec("llama_yarn", "llama", rope("yarn", **YARN) | dict(max_position_embeddings=64),
         hf=("float32", "released"), released={"rope_scaling": {"type": "yarn", **YARN}}),
    # A factor of its own in place of YaRN's usual one.
    Spec("llama_yarn_factor", "llama", rope("yarn", **YARN, attention_factor=1.5) | dict(
        max_position_embeddings=64)),
    Spec("llama_longrope", "llama", rope("longrope", **LONGROPE) | dict(max_position_embeddings=64),
         gguf=(), schedule="whole"),
    Spec("llama_biases", "llama", dict(head_dim=32, attention_bias=True, mlp_bias=True,
                                       tie_word_embeddings=True),
         tokenizer="spm", gguf=("F32", "Q4_1")),
    Spec("mistral_window", "mistral", dict(sliding_window=8), gguf=("F32",),
         gguf_changes=dict(sliding_window=None)),
    Spec("ministral", "ministral",
         dict(head_dim=16, sliding_window=8, num_hidden_layers=3,
              layer_types=["sliding_attention", "full_attention", "sliding_attention"]), gguf=()),
    Spec("ministral3", "ministral3", MINISTRAL3, hf=("float32", "wrapped"), gguf=("F32", "Q8_0")),
    # The text part of Mistral Small 3.1.
    Spec("mistral3", "mistral", dict(sliding_window=None), hf=("wrapped",), gguf=("F32",),
         for_converter={"architectures": ["Mistral3ForConditionalGeneration"]}),
    Spec("llama_wide", "llama", dict(hidden_size=256, intermediate_size=512),
         gguf=("F32", *SUPER)),
    Spec("mixtral", "mixtral", dict(num_local_experts=4, num_experts_per_tok=2),
         hf=("float32", "stacked")),
    Spec("mixtral_wide", "mixtral", dict(hidden_size=256, intermediate_size=256,
                                         num_local_experts=4, num_experts_per_tok=2),
         hf=(), gguf=COMMON),
]

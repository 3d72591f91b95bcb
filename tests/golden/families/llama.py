"""Llama, Mistral, Mixtral."""
from families.spec import COMMON, LEGACY, LLAMA3, LONGROPE, SUPER, YARN, Spec, rope

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
    Spec("llama_longrope", "llama", rope("longrope", **LONGROPE) | dict(max_position_embeddings=64),
         gguf=(), schedule="whole"),
    Spec("llama_biases", "llama", dict(head_dim=32, attention_bias=True, mlp_bias=True,
                                       tie_word_embeddings=True),
         tokenizer="spm", gguf=("F32", "Q4_1")),
    Spec("mistral_window", "mistral", dict(sliding_window=8), gguf=("F32",),
         gguf_changes=dict(sliding_window=None)),
    Spec("llama_wide", "llama", dict(hidden_size=256, intermediate_size=512),
         gguf=("F32", *SUPER)),
    Spec("mixtral", "mixtral", dict(num_local_experts=4, num_experts_per_tok=2),
         hf=("float32", "stacked")),
    Spec("mixtral_wide", "mixtral", dict(hidden_size=256, intermediate_size=256,
                                         num_local_experts=4, num_experts_per_tok=2),
         hf=(), gguf=COMMON),
]

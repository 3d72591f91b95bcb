"""Granite 3, dense and with a mixture of experts."""
from families.spec import COMMON, Spec

GRANITE = dict(embedding_multiplier=6.0, attention_multiplier=0.1, residual_multiplier=0.22,
               logits_scaling=4.0)
MOE = GRANITE | dict(num_local_experts=4, num_experts_per_tok=2, intermediate_size=64)
WIDE = dict(hidden_size=256, intermediate_size=256)

SPECS = [
    Spec("granite", "granite", GRANITE | dict(tie_word_embeddings=True), gguf=("F32", "Q8_0")),
    Spec("granite_biases", "granite", GRANITE | dict(attention_bias=True, mlp_bias=True)),
    Spec("granite_wide", "granite", GRANITE | WIDE, hf=(), gguf=COMMON),
    Spec("granitemoe", "granitemoe", MOE, hf=("float32", "stacked"), gguf=("F32", "Q8_0")),
    Spec("granitemoeshared", "granitemoeshared", MOE | dict(shared_intermediate_size=48),
         hf=("float32", "stacked")),
    Spec("granitemoe_wide", "granitemoe", MOE | WIDE, hf=(), gguf=COMMON),
]

"""Gemma."""
from families.spec import COMMON, Spec

GEMMA3 = dict(
    hidden_size=96, intermediate_size=160, num_hidden_layers=6, head_dim=32, sliding_window=8,
    query_pre_attn_scalar=32,
    rope_parameters={
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}})

GEMMA2 = dict(
    hidden_size=96, num_hidden_layers=3, head_dim=32, sliding_window=8, query_pre_attn_scalar=32,
    attn_logit_softcapping=5.0, final_logit_softcapping=3.0)
WIDE = dict(hidden_size=256, intermediate_size=256, head_dim=64)

SPECS = [
    Spec("gemma", "gemma", dict(hidden_size=96, head_dim=32, num_key_value_heads=1),
         tokenizer="spm", norm_center=0.0, hf=("float32", "bfloat16", "released"),
         gguf=("F32", "Q8_0"), released={"hidden_act": "gelu"}),
    Spec("gemma_biases", "gemma", dict(head_dim=16, attention_bias=True, tie_word_embeddings=False),
         tokenizer="spm", norm_center=0.0, gguf=()),
    Spec("gemma_wide", "gemma", WIDE, tokenizer="spm", norm_center=0.0, hf=(), gguf=COMMON),
    Spec("gemma2", "gemma2", GEMMA2, tokenizer="spm", norm_center=0.0,
         hf=("float32", "bfloat16", "released"), gguf=("F32", "Q8_0"),
         released={"layer_types": None}),
    Spec("gemma2_scale", "gemma2",
         GEMMA2 | dict(query_pre_attn_scalar=24, attn_logit_softcapping=None,
                       final_logit_softcapping=None),
         tokenizer="spm", norm_center=0.0, gguf=()),
    Spec("gemma2_wide", "gemma2", GEMMA2 | WIDE | dict(query_pre_attn_scalar=64), tokenizer="spm",
         norm_center=0.0, hf=(), gguf=COMMON),
    Spec("gemma3", "gemma3_text", GEMMA3, tokenizer="spm", norm_center=0.0,
         hf=("float32", "bfloat16", "released", "wrapped"), gguf=("F32", "BF16", "Q4_0", "Q8_0"),
         released={"rope_theta": 1000000.0, "rope_local_base_freq": 10000.0,
                   "rope_scaling": {"rope_type": "linear", "factor": 8.0},
                   "sliding_window_pattern": 6, "layer_types": None}),
    # The scores' scale is another than head_dim's, for which GGUF has no key; logits are capped.
    Spec("gemma3_scale", "gemma3_text",
         GEMMA3 | dict(query_pre_attn_scalar=24, final_logit_softcapping=3.0),
         tokenizer="spm", norm_center=0.0, gguf=()),
]

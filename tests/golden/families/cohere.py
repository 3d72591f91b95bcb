"""Command-R, Command-R+ and Aya; Command-R7B and Command A."""
from families.spec import COMMON, Spec, rope


def head_norms(name, noise):
    """Norms of q and k have a row for each head."""
    return 1 + 0.2 * noise if name.endswith(("q_norm.weight", "k_norm.weight")) else None


WIDE = dict(hidden_size=256, intermediate_size=256)
PATTERN = dict(num_hidden_layers=5, sliding_window=8)
# What released files say and transformers takes for granted; the converter wants the first.
ROTATED = {"rotary_pct": 1.0}
RELEASED = ROTATED | {
    "layer_types": None, "sliding_window_pattern": 4, "layer_switch": 4, "rope_theta": 10000.0,
    "order_of_interleaved_layers": "local_attn_first", "position_embedding_type": "rope_gptj",
    "rope_scaling": None, "tie_word_embeddings": None, "use_embedding_sharing": True,
    "use_gated_activation": True, "use_parallel_block": True, "use_parallel_embedding": False}

SPECS = [
    Spec("cohere", "cohere", dict(use_qk_norm=True, attention_bias=True, logit_scale=0.8333),
         drawn=head_norms, hf=("float32", "bfloat16"), gguf=("F32", "Q8_0")),
    Spec("cohere_plain", "cohere", dict(logit_scale=1.0), hf=("float32", "released"),
         released={"model_max_length": 512, "rope_theta": 500000.0, "logit_scale": 1.0}),
    # GGUF has neither a head of its own for these, nor scaled RoPE.
    Spec("cohere_untied", "cohere", dict(tie_word_embeddings=False, **rope("linear", factor=4.0)),
         gguf=()),
    Spec("cohere_wide", "cohere", WIDE | dict(use_qk_norm=True), drawn=head_norms, hf=(),
         gguf=COMMON),
    Spec("cohere2", "cohere2", PATTERN | dict(logit_scale=0.25),
         hf=("float32", "bfloat16", "released"), gguf=("F32", "Q8_0"), for_converter=ROTATED,
         released=RELEASED),
    Spec("cohere2_layers", "cohere2", dict(
        num_hidden_layers=3, sliding_window=8, attention_bias=True, tie_word_embeddings=False,
        layer_types=["full_attention", "sliding_attention", "sliding_attention"],
        **rope("linear", factor=4.0)), gguf=()),
    Spec("cohere2_full", "cohere2", dict(layer_types=["full_attention"] * 2, logit_scale=1.0),
         gguf=()),
    Spec("cohere2_wide", "cohere2", WIDE | dict(num_hidden_layers=4, sliding_window=8), hf=(),
         gguf=COMMON, for_converter=ROTATED),
]

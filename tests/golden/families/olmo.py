"""OLMo 1 to 3, OLMoE."""
from families.spec import COMMON, YARN, Spec

WIDE = dict(hidden_size=256, intermediate_size=256)
MOE = dict(num_experts=4, num_experts_per_tok=2, intermediate_size=64)

SPECS = [
    Spec("olmo", "olmo", dict(clip_qkv=0.3), gguf=("F32", "Q8_0")),
    Spec("olmo_biases", "olmo", dict(attention_bias=True, tie_word_embeddings=True), gguf=()),
    Spec("olmo_wide", "olmo", WIDE, hf=(), gguf=COMMON),
    Spec("olmo2", "olmo2", {}, gguf=("F32", "Q8_0")),
    Spec("olmo2_biases", "olmo2", dict(attention_bias=True, tie_word_embeddings=True), gguf=()),
    Spec("olmo2_wide", "olmo2", WIDE, hf=(), gguf=COMMON),
    # The scaling holds for the layers that see everything.
    Spec("olmo3", "olmo3", dict(
        num_hidden_layers=4, sliding_window=8, max_position_embeddings=64,
        rope_parameters={
            "full_attention": {"rope_type": "yarn", "rope_theta": 500000.0, **YARN},
            "sliding_attention": {"rope_type": "default", "rope_theta": 500000.0}}),
         hf=("float32", "released"), gguf=("F32", "Q8_0"),
         released={"rope_theta": 500000.0, "rope_scaling": {"rope_type": "yarn", **YARN},
                   "layer_types": None}),
    # GGUF does not say where OLMoE clips.
    Spec("olmoe", "olmoe", MOE | dict(clip_qkv=0.5), hf=("float32", "stacked"),
         gguf=("F32", "Q8_0"), gguf_changes=dict(clip_qkv=None)),
    Spec("olmoe_normed", "olmoe", MOE | dict(norm_topk_prob=True), gguf=()),
    Spec("olmoe_wide", "olmoe", MOE | WIDE, hf=(), gguf=COMMON),
]

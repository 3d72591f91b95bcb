"""SmolLM3."""
from families.spec import COMMON, Spec

SPECS = [
    Spec("smollm3", "smollm3", dict(num_hidden_layers=4), hf=("float32", "released"),
         gguf=("F32", "Q8_0"),
         released={"no_rope_layers": None, "layer_types": None, "rope_theta": 2000000.0}),
    Spec("smollm3_window", "smollm3", dict(
        num_hidden_layers=3, use_sliding_window=True, sliding_window=8, no_rope_layers=[0, 1, 0],
        attention_bias=True, mlp_bias=True, tie_word_embeddings=False), gguf=()),
    Spec("smollm3_wide", "smollm3", dict(hidden_size=256, intermediate_size=256,
                                         num_hidden_layers=4), hf=(), gguf=COMMON),
]

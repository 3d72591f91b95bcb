"""StarCoder 2."""
from families.spec import COMMON, Spec

SPECS = [
    Spec("starcoder2", "starcoder2", dict(sliding_window=8), gguf=("F32", "Q8_0"),
         gguf_changes=dict(sliding_window=None)),
    Spec("starcoder2_plain", "starcoder2", dict(use_bias=False, tie_word_embeddings=False)),
    Spec("starcoder2_wide", "starcoder2", dict(hidden_size=256, intermediate_size=256), hf=(),
         gguf=COMMON),
]

"""Phi-3 and Phi-4."""
from families.spec import COMMON, Spec, rope

# Like Phi-4-mini: three quarters of a head are turned.
LONG = dict(max_position_embeddings=64, original_max_position_embeddings=16) | rope(
    "longrope", partial_rotary_factor=0.75, original_max_position_embeddings=16,
    short_factor=[1.0, 1.1, 1.2, 1.3, 1.4, 1.5], long_factor=[2.0, 2.5, 3.0, 3.5, 4.0, 4.5])

SPECS = [
    Spec("phi3", "phi3", dict(sliding_window=12), tokenizer="spm", gguf=("F32", "Q8_0")),
    Spec("phi3_longrope", "phi3", LONG | dict(tie_word_embeddings=True), tokenizer="spm",
         hf=("float32", "released"), schedule="whole",
         released={"partial_rotary_factor": 0.75, "rope_scaling": {
             "type": "su", **{k: LONG["rope_parameters"][k]
                              for k in ("short_factor", "long_factor")}}}),
    Spec("phi3_wide", "phi3", dict(hidden_size=256, intermediate_size=256), tokenizer="spm", hf=(),
         gguf=COMMON),
]

"""Persimmon."""
from families.spec import Spec

SPECS = [
    Spec("persimmon", "persimmon", {}, gguf=()),
    Spec("persimmon_plain", "persimmon", dict(qk_layernorm=False, tie_word_embeddings=True),
         gguf=()),
]

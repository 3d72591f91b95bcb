"""Helium."""
from families.spec import Spec

SPECS = [
    Spec("helium", "helium", dict(head_dim=16), hf=("float32", "bfloat16"), gguf=()),
    Spec("helium_biases", "helium", dict(head_dim=16, attention_bias=True, mlp_bias=True,
                                         tie_word_embeddings=True), gguf=()),
]

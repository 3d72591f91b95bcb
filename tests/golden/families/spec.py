"""What a family's file says of its tiny models: see ../models.py."""
import dataclasses
from collections.abc import Callable

import tiny_tokenizers

LEGACY = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "MXFP4"]  # rows in multiples of 32
SUPER = ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S",
         "IQ3_XXS", "IQ3_S", "IQ4_XS", "TQ1_0", "TQ2_0", "NVFP4"]  # of 256
# For a family's second GGUF model, with rows of 256: what people download.
COMMON = ("F32", "Q8_0", "Q4_K", "Q6_K")

BASE = dict(vocab_size=tiny_tokenizers.VOCAB_SIZE, hidden_size=64, intermediate_size=128,
            num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=256, **tiny_tokenizers.SPECIAL_IDS)


@dataclasses.dataclass
class Spec:
    """One tiny model and the forms in which it is kept."""
    name: str
    family: str                        # transformers' model_type
    config: dict                       # on top of BASE
    tokenizer: str = "bpe"             # or "spm"
    hf: tuple = ("float32",)           # SafeTensors folders, see safetensors_forms.save_hf()
    gguf: tuple = ("F32",)
    split: bool = False                # also as a split GGUF
    schedule: str = "any"              # see models.py
    generates: bool = True             # false: an encoder
    prompt: Callable | None = None     # makes of a prompt's random tokens, as many, what it needs
    gguf_changes: dict = dataclasses.field(default_factory=dict)  # what GGUF cannot express
    released: dict = dataclasses.field(default_factory=dict)      # see safetensors_forms.released_config()
    # config.json as the converter wants it, where transformers 5 leaves keys out (None: removed)
    for_converter: dict = dataclasses.field(default_factory=dict)
    norm_center: float = 1.0           # 0 where a norm multiplies by 1 + w
    # (name, noise of a parameter's shape) -> its values, or None where the usual applies
    drawn: Callable | None = None
    # Parameters (regular expressions) that keep float32 in GGUF, beside routers and vectors, and
    # those that the converter transposes.
    kept: tuple = ()
    transposed: tuple = ()
    # (name, values, round_rows) -> the values as GGUF rounds them, or None where the usual applies
    rounded: Callable | None = None
    # Write further checkpoints: called with (spec, model, folder of the model, writer).
    more: tuple = ()
    plain_vocabulary: bool = False     # the converter's own code wants tokens that ours lack
    attention: str = "eager"           # transformers' implementation of it
    base: bool = True                  # config is on top of BASE
    # Further forms: what writes one of `hf`, called with (spec, model, folder, quantizer). It may
    # return the values that the files hold, as a state dict, where they are not the model's.
    custom: dict = dataclasses.field(default_factory=dict)
    # Families without a class in transformers: the class whose configuration is closest, what makes
    # the model from it, and what writes the folder as it is released.
    oracle_config: str = ""
    oracle: object = None
    save: object = None

    def full_config(self):
        return (BASE if self.base else {}) | self.config


def rope(kind, **values):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **values}}


LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)
YARN = dict(factor=4.0, original_max_position_embeddings=16)
LONGROPE = dict(factor=4.0, original_max_position_embeddings=16,
                short_factor=[1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7],
                long_factor=[2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5])

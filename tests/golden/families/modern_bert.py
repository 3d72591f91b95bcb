"""ModernBERT."""
import types

import transformers

from families.spec import BASE, COMMON, Spec

TINY = {key: BASE[key] for key in ("vocab_size", "hidden_size", "num_attention_heads",
                                   "max_position_embeddings", "pad_token_id", "bos_token_id",
                                   "eos_token_id")}
TINY |= dict(num_hidden_layers=4, local_attention=8, intermediate_size=96, cls_token_id=1,
             sep_token_id=2)
BIASES = dict(attention_bias=True, mlp_bias=True, norm_bias=True, classifier_bias=True)
# What transformers 5 does not write any more, and the converter reads.
OLDER = dict(layer_norm_eps=1e-5, global_attn_every_n_layers=3)


class ModernBertModel(transformers.ModernBertModel):
    """The encoder alone. Its hidden states are compared as their products with the embedding table,
    which has as many independent columns as they have: what differs in them differs in those."""

    def forward(self, tokens, use_cache=False):
        hidden = super().forward(tokens).last_hidden_state
        return types.SimpleNamespace(last_hidden_state=hidden,
                                     logits=hidden @ self.embeddings.tok_embeddings.weight.T)


def encoder(config):
    return ModernBertModel._from_config(config, attn_implementation="eager")


def masked_lm(config):
    return transformers.ModernBertForMaskedLM._from_config(config, attn_implementation="eager")


def spec(name, config, oracle=masked_lm, **more):
    return Spec(name, "modernbert", TINY | config, base=False, oracle=oracle, schedule="prompt",
                generates=False, for_converter=OLDER, **more)


SPECS = [
    spec("modern_bert", {}, hf=("float32", "bfloat16", "released"), gguf=(),
         released=dict(rope_theta=None, global_rope_theta=160000.0, local_rope_theta=10000.0,
                       layer_types=None, **OLDER)),
    spec("modern_bert_biases",
         BIASES | dict(hidden_activation="silu", classifier_activation="relu", local_attention=11,
                       num_hidden_layers=3, tie_word_embeddings=False, decoder_bias=False,
                       layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
         gguf=()),
    spec("modern_bert_encoder", {}, oracle=encoder, gguf=("F32", "Q8_0")),
    spec("modern_bert_wide", dict(hidden_size=256, intermediate_size=256, num_hidden_layers=2),
         oracle=encoder, hf=(), gguf=COMMON),
]

"""DeepSeek V2, V3, Kimi-K2, GLM-4.7-Flash."""
import numpy as np
import torch

import quantized_hf
from families.spec import COMMON, Spec, rope
from gguf_forms import gguf, write_like

NOPE, VALUE = 16, 12
LATENT = dict(num_key_value_heads=4, kv_lora_rank=32, q_lora_rank=24, qk_nope_head_dim=NOPE,
              qk_rope_head_dim=8, v_head_dim=VALUE)
EXPERTS = dict(n_routed_experts=8, num_experts_per_tok=2, n_shared_experts=2,
               moe_intermediate_size=32, first_k_dense_replace=1, routed_scaling_factor=2.0)
V2 = LATENT | EXPERTS
# So many experts a token that they do not all lie in the best groups anyway.
GROUPS = dict(n_routed_experts=16, num_experts_per_tok=4, n_group=4, topk_group=2)
ONE_GROUP = dict(n_group=1, topk_group=1)
V3 = V2 | ONE_GROUP | dict(n_shared_experts=1, norm_topk_prob=True, routed_scaling_factor=2.5)
FLASH = V2 | ONE_GROUP | dict(n_shared_experts=1, num_hidden_layers=3)
SIGMOID = dict(scoring_func="sigmoid")  # what the converter looks for


def yarn(mscale):
    return dict(factor=4.0, original_max_position_embeddings=16, mscale=mscale,
                mscale_all_dim=mscale)


WIDE = V3 | dict(hidden_size=256, intermediate_size=256, kv_lora_rank=256, q_lora_rank=256,
                 qk_nope_head_dim=32, qk_rope_head_dim=32, v_head_dim=64, moe_intermediate_size=256)


def rounding(nope, value):
    """GGUF holds the part of kv_b that expands keys transposed: each head [latent, nope]."""

    def rounded(name, values, round_rows):
        if not name.endswith("kv_b_proj.weight"):
            return None
        heads = values.view(-1, nope + value, values.shape[-1])
        keys = round_rows(heads[:, :nope].transpose(1, 2).contiguous()).transpose(1, 2)
        return torch.cat([keys, round_rows(heads[:, nope:].contiguous())], 1).view(values.shape)

    return rounded


def unsplit(spec, model, folder, writer):
    """A file as llama.cpp's converter wrote it before 2025: kv_b in one, and the widths of expanded
    heads."""
    reader = gguf.GGUFReader(folder / "f32.gguf")
    data = {tensor.name: tensor.data for tensor in reader.tensors}

    def tensors():
        for name, values in data.items():
            if "attn_k_b" in name:
                both = [values.transpose(0, 2, 1), data[name.replace("k_b", "v_b")]]
                joined = np.concatenate(both, 1)
                yield name.replace("k_b", "kv_b"), joined.reshape(-1, joined.shape[-1]), None
            elif "attn_v_b" not in name:
                yield name, values, None

    key = "deepseek2.attention."
    write_like(reader, folder / "unsplit.gguf", tensors(),
               changed={key + "key_length": NOPE + 8, key + "value_length": VALUE,
                        key + "head_count_kv": 4},
               dropped=(key + "key_length_mla", key + "value_length_mla"))
    writer.checkpoint("unsplit.gguf", "gguf", "F32", "float32")


SPECS = [
    Spec("deepseek_v2", "deepseek_v2",
         # The norms of latents have an epsilon of their own.
         V2 | GROUPS | rope("yarn", **yarn(0.707)) | dict(topk_method="group_limited_greedy",
                                                          rms_norm_eps=1e-2),
         hf=("float32", "released"), gguf=("F32", "Q8_0"), rounded=rounding(NOPE, VALUE),
         more=(unsplit,),
         released={"rope_scaling": {"type": "yarn", **yarn(0.707)}, "scoring_func": "softmax",
                   "moe_layer_freq": 1}),
    Spec("deepseek_v2_lite", "deepseek_v2",
         V2 | dict(q_lora_rank=None, topk_method="greedy", attention_bias=True,
                   tie_word_embeddings=True, num_hidden_layers=3, first_k_dense_replace=2),
         hf=("float32", "bfloat16", "stacked")),
    Spec("deepseek_v3", "deepseek_v3",
         V3 | GROUPS | rope("yarn", **yarn(1.0)) | dict(attention_bias=True),
         hf=("float32", "released"), gguf=("F32",), for_converter=SIGMOID,
         more=(quantized_hf.fp8_blocks((16, 24)),),
         released={"rope_scaling": {"type": "yarn", **yarn(1.0)}, "topk_method": "noaux_tc",
                   **SIGMOID}),
    Spec("deepseek_v3_wide", "deepseek_v3", WIDE, hf=(), gguf=COMMON, for_converter=SIGMOID,
         rounded=rounding(32, 64)),
    Spec("kimi_k2", "deepseek_v3",
         V3 | dict(routed_scaling_factor=2.827, rope_interleave=False, norm_topk_prob=False),
         hf=("released",), gguf=(), released={"model_type": "kimi_k2", "topk_method": "noaux_tc"}),
    Spec("glm4_moe_lite", "glm4_moe_lite", FLASH, gguf=("F32", "Q8_0"), for_converter=SIGMOID,
         rounded=rounding(NOPE, VALUE)),
]

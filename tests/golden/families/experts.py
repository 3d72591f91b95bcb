"""Mixtures of experts: gpt-oss, MiniMax-M2, Llama 4, PhiMoE, DeepSeekMoE."""
import json
import re

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.models.deepseek_v2.configuration_deepseek_v2 import DeepseekV2Config
from transformers.models.deepseek_v2.modeling_deepseek_v2 import DeepseekV2Moe

from families.spec import COMMON, LLAMA3, Spec
from gguf_forms import gguf, write_like

WIDE = dict(hidden_size=256, intermediate_size=256)

# --- gpt-oss ----------------------------------------------------------------------------------

GPT_OSS = dict(head_dim=16, intermediate_size=64, num_local_experts=4, num_experts_per_tok=2,
               sliding_window=8, rope_parameters={
                   "rope_type": "yarn", "rope_theta": 150000.0, "factor": 4.0, "beta_fast": 32.0,
                   "beta_slow": 1.0, "truncate": False, "original_max_position_embeddings": 16})
STACKED = (r"experts\.(gate_up|down)_proj$",)


def save_mxfp4(spec, model, folder, quantizer):
    """As released: the experts' matrices as blocks of codes and their scales."""
    model.save_pretrained(folder)
    path = folder / "model.safetensors"
    state, files = model.state_dict(), load_file(path)
    for name in [name for name in state if re.search(STACKED[0], name)]:
        rows = state[name].transpose(-1, -2).contiguous().numpy()
        kind = gguf.GGMLQuantizationType.MXFP4
        packed = quantizer(rows, kind)
        exact = gguf.quants.dequantize(packed, kind).reshape(rows.shape)
        state[name] = torch.from_numpy(exact).transpose(-1, -2).contiguous()
        blocks = packed.reshape(*rows.shape[:-1], -1, 17)
        low, high = blocks[..., 1:] & 15, blocks[..., 1:] >> 4  # elements 0 to 15, and 16 to 31
        elements = np.concatenate([low, high], axis=-1)
        del files[name]
        files[name + "_blocks"] = torch.from_numpy(elements[..., ::2] | elements[..., 1::2] << 4)
        files[name + "_scales"] = torch.from_numpy(np.ascontiguousarray(blocks[..., 0]))
    save_file(files, path, metadata={"format": "pt"})
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["quantization_config"] = {"quant_method": "mxfp4"}
    path.write_text(json.dumps(config))
    return state


# --- Llama 4 ----------------------------------------------------------------------------------

LLAMA4 = dict(num_hidden_layers=4, head_dim=16, intermediate_size=64, intermediate_size_mlp=128,
              num_local_experts=4, num_experts_per_tok=1, interleave_moe_layer_step=2)
CHUNKED = dict(attention_chunk_size=8, floor_scale=4, attn_scale=0.1)
LLAMA4_ROPE = {"rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, **LLAMA3}}


def save_wrapped_llama4(spec, model, folder, quantizer):
    """As released: the text part of a model that also sees."""
    model.save_pretrained(folder)
    path = folder / "config.json"
    text = json.loads(path.read_text())
    text.pop("architectures")
    outer = {"architectures": ["Llama4ForConditionalGeneration"], "model_type": "llama4",
             "torch_dtype": text.pop("dtype"), "text_config": text}
    text["rope_scaling"] = text.pop("rope_parameters")
    text["rope_theta"] = text["rope_scaling"].pop("rope_theta")
    path.write_text(json.dumps(outer))
    path = folder / "model.safetensors"
    state = {f"language_model.{name}": value for name, value in load_file(path).items()}
    state["vision_model.class_embedding"] = torch.zeros(4)
    state["multi_modal_projector.linear_1.weight"] = torch.zeros(4, 4)
    save_file(state, path, metadata={"format": "pt"})


# --- PhiMoE -----------------------------------------------------------------------------------

# transformers 5.23 uses the short factors whatever the length, the released code the long ones
# beyond the original context: so both are the same here, and their magnitudes differ.
def phimoe(short, long, original=16, heads=4, **more):
    factors = [1.0 + 0.1 * i for i in range(more.get("hidden_size", 64) // heads // 2)]
    return dict(num_local_experts=4, num_experts_per_tok=2, attention_bias=True, lm_head_bias=True,
                num_attention_heads=heads, rope_parameters={
                    "rope_type": "longrope", "rope_theta": 10000.0, "factor": 16.0,
                    "original_max_position_embeddings": original, "short_mscale": short,
                    "long_mscale": long, "short_factor": factors, "long_factor": factors}) | more


PHIMOE_KEYS = dict(architectures=["PhiMoEForCausalLM"])  # the release's spelling
PHIMOE = phimoe(1.1, 1.3, router_jitter_noise=0.3)
MSCALE = 1.243163121016122

# --- DeepSeekMoE ------------------------------------------------------------------------------

DEEPSEEK = dict(num_hidden_layers=3, n_routed_experts=8, num_experts_per_tok=2, n_shared_experts=2,
                moe_intermediate_size=32, first_k_dense_replace=1, norm_topk_prob=False)


class Mixture(DeepseekV2Moe):
    """Of DeepSeek V2, with what V1 may do to the weights of the chosen experts."""

    def forward(self, x):
        _, weights, experts = self.gate(x)
        if self.config.norm_topk_prob:
            weights = weights / (weights.sum(-1, keepdim=True) + 1e-20)
        rows = x.view(-1, x.shape[-1])
        return self.experts(rows, experts, weights).view_as(x) + self.shared_experts(x)


def make_deepseek(config):
    """Llama's layers, with the mixture of DeepSeek V2 that chooses greedily in all but the first."""
    model = transformers.LlamaForCausalLM._from_config(config, attn_implementation="eager")
    parts = {key: getattr(config, key) for key in ("hidden_size", *DEEPSEEK)}
    moe = DeepseekV2Config(**parts, topk_method="greedy", routed_scaling_factor=1.0, n_group=None,
                           topk_group=None, hidden_act="silu", attn_implementation="eager",
                           experts_implementation="eager")
    for layer in model.model.layers[config.first_k_dense_replace:]:
        layer.mlp = Mixture(moe)
    return model


def save_deepseek(spec, model, folder):
    folder.mkdir(parents=True)
    state = {}
    for name, value in model.state_dict().items():
        place, _, part = name.rpartition(".experts.")
        if not place:
            state[name] = value.contiguous()
            continue
        for expert, matrix in enumerate(value):
            halves = {"down_proj": matrix}
            if part == "gate_up_proj":
                halves = dict(zip(("gate_proj", "up_proj"), matrix.chunk(2)))
            for half, rows in halves.items():
                state[f"{place}.experts.{expert}.{half}.weight"] = rows.contiguous().clone()
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    config = model.config.to_dict() | {
        "architectures": ["DeepseekForCausalLM"], "model_type": "deepseek",
        "torch_dtype": "float32", "scoring_func": "softmax", "moe_layer_freq": 1,
        "rope_theta": 10000.0}
    config.pop("rope_parameters")
    config.pop("head_dim", None)
    (folder / "config.json").write_text(json.dumps(config))


def fused_experts(spec, model, folder, writer):
    """Gate and up of all experts in one tensor a layer, as llama.cpp's converter writes them when it is
    asked to; the one that is pinned does so for none of these families."""
    reader = gguf.GGUFReader(folder / "f32.gguf")
    data = {tensor.name: tensor.data for tensor in reader.tensors}

    def tensors():
        for name, values in data.items():
            if "ffn_gate_exps" in name:
                both = [values, data[name.replace("gate_exps", "up_exps")]]
                yield name.replace("gate_exps", "gate_up_exps"), np.concatenate(both, 1), None
            elif "ffn_up_exps" not in name:
                yield name, values, None

    write_like(reader, folder / "fused.gguf", tensors())
    writer.checkpoint("fused.gguf", "gguf", "F32", "float32")


SPECS = [
    Spec("gpt_oss", "gpt_oss", GPT_OSS, hf=("float32", "released", "mxfp4"),
         custom={"mxfp4": save_mxfp4}, released=dict(
             rope_theta=150000, rope_scaling=GPT_OSS["rope_parameters"] | {"rope_theta": None}),
         gguf=("F32", "Q8_0", "MXFP4"), transposed=STACKED),
    Spec("gpt_oss_wide", "gpt_oss", GPT_OSS | WIDE | dict(head_dim=64), hf=(), gguf=COMMON,
         transposed=STACKED),

    Spec("minimax_m2", "minimax_m2", dict(head_dim=16, num_local_experts=4, num_experts_per_tok=2,
                                          rotary_dim=8, intermediate_size=64,
                                          scoring_func="sigmoid"),
         hf=("float32", "stacked", "released"), released=dict(rope_theta=5000000),
         gguf=("F32", "Q8_0")),
    Spec("minimax_m2_wide", "minimax_m2", WIDE | dict(head_dim=64, num_local_experts=4,
                                                      num_experts_per_tok=2, rotary_dim=32,
                                                      num_hidden_layers=1, scoring_func="sigmoid"),
         hf=(), gguf=COMMON),

    Spec("llama4", "llama4_text", LLAMA4 | CHUNKED | LLAMA4_ROPE, hf=("float32", "wrapped"),
         custom={"wrapped": save_wrapped_llama4}, gguf=()),
    Spec("llama4_plain", "llama4_text", LLAMA4 | LLAMA4_ROPE | dict(
        use_qk_norm=False, attn_temperature_tuning=False, attention_chunk_size=8,
        no_rope_layers=[0, 1, 1, 1], moe_layers=[0, 1], attention_bias=True,
        tie_word_embeddings=True), gguf=()),
    Spec("llama4_gguf", "llama4_text", LLAMA4 | LLAMA4_ROPE, hf=(), gguf=("F32", "Q8_0"),
         transposed=STACKED),
    Spec("llama4_wide", "llama4_text", LLAMA4 | WIDE | dict(
        intermediate_size_mlp=256, num_hidden_layers=2, head_dim=64), hf=(), gguf=COMMON,
        transposed=STACKED),

    Spec("phimoe", "phimoe", PHIMOE, schedule="whole", hf=("float32", "released"), gguf=(),
         released=dict(rope_scaling={**PHIMOE["rope_parameters"], "rope_theta": None,
                                     "rope_type": None, "type": "longrope"})),
    Spec("phimoe_window", "phimoe", dict(num_local_experts=4, num_experts_per_tok=2,
                                         attention_bias=False, lm_head_bias=False,
                                         sliding_window=8), gguf=()),
    Spec("phimoe_wide", "phimoe", phimoe(MSCALE, MSCALE, num_hidden_layers=1, **WIDE),
         schedule="whole", tokenizer="spm", hf=(), gguf=COMMON, for_converter=PHIMOE_KEYS),

    Spec("deepseek_moe", "deepseek", DEEPSEEK, oracle=make_deepseek, oracle_config="llama",
         save=save_deepseek, gguf=("F32", "Q8_0"), more=(fused_experts,)),
    Spec("deepseek_moe_normed", "deepseek", DEEPSEEK | dict(norm_topk_prob=True),
         oracle=make_deepseek, oracle_config="llama", save=save_deepseek, gguf=()),
]

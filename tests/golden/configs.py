"""Configurations in the released dialect, and as transformers understands and writes them.

For each NAME: NAME.released.json (a config.json as models are published), NAME.saved.json (what
transformers' save_pretrained makes of it) and NAME.expected.json (scalar values, layer types, and the
RoPE of each kind of layer, read from the transformers object).
"""
import json
import pathlib

import golden

import transformers

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 256, "intermediate_size": 688,
    "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 1000,
    "max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "hidden_act": "silu", "tie_word_embeddings": False,
    "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16",
}
GEMMA3_TEXT = {
    "model_type": "gemma3_text", "hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 8,
    "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 64, "vocab_size": 1000,
    "max_position_embeddings": 32768, "rms_norm_eps": 1e-06, "sliding_window": 512, "query_pre_attn_scalar": 64,
    "hidden_activation": "gelu_pytorch_tanh",
}

RELEASED = {
    "llama2": {**LLAMA, "rope_scaling": None},  # no rope_theta, as in the oldest files
    "smollm2": {**LLAMA, "rope_theta": 100000, "rope_scaling": None, "tie_word_embeddings": True},
    "codellama": {**LLAMA, "rope_theta": 1000000},
    "linear": {**LLAMA, "rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 4.0}},
    "dynamic": {**LLAMA, "rope_theta": 10000.0, "rope_scaling": {"type": "dynamic", "factor": 2.0}},
    "llama31": {**LLAMA, "max_position_embeddings": 131072, "rope_theta": 500000.0, "eos_token_id": [5, 8, 9],
                "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                 "original_max_position_embeddings": 8192, "rope_type": "llama3"}},
    "yarn": {**LLAMA, "max_position_embeddings": 16384, "rope_theta": 10000.0,
             "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096,
                              "beta_fast": 16, "beta_slow": 2}},
    "longrope": {**LLAMA, "max_position_embeddings": 16384, "rope_theta": 10000.0,
                 "rope_scaling": {"rope_type": "longrope", "factor": 4.0, "short_factor": [1.0] * 16,
                                  "long_factor": [1.0 + i / 4 for i in range(16)],
                                  "original_max_position_embeddings": 4096}},
    "mistral": {**LLAMA, "architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": 128,
                "head_dim": 32, "rope_theta": 10000.0},
    "gemma3": {**GEMMA3_TEXT, "architectures": ["Gemma3ForCausalLM"], "rope_theta": 1000000.0,
               "rope_local_base_freq": 10000.0, "sliding_window_pattern": 6, "eos_token_id": [1, 106]},
    "gemma3_scaled": {**GEMMA3_TEXT, "architectures": ["Gemma3ForCausalLM"], "rope_theta": 1000000.0,
                      "rope_local_base_freq": 10000.0, "sliding_window_pattern": 6, "eos_token_id": 1,
                      "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    "gemma3_multimodal": {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3",
                          "eos_token_id": [1, 106],
                          "text_config": {**GEMMA3_TEXT, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}},
}
INTS = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "vocab_size", "max_position_embeddings"]


def rope_of(text, kind):
    parameters = text.rope_parameters
    nested = parameters.get(kind)
    return dict(nested if isinstance(nested, dict) else parameters)


def expected(config):
    text = config.get_text_config()
    kinds = sorted(set(getattr(text, "layer_types", None) or ["full_attention"]))
    eos = config.eos_token_id if config.eos_token_id is not None else text.eos_token_id
    return {
        "ints": {key: getattr(text, key) for key in INTS},
        "rms_norm_eps": text.rms_norm_eps,
        "eos_token_ids": eos if isinstance(eos, list) else [eos],
        "layer_types": getattr(text, "layer_types", None),
        "rope": {kind: rope_of(text, kind) for kind in kinds},
        "model_type": text.model_type,
    }


def generate(out: pathlib.Path):
    for name, released in RELEASED.items():
        (out / f"{name}.released.json").write_text(json.dumps(released))
        config = transformers.AutoConfig.for_model(**json.loads(json.dumps(released)))
        config.save_pretrained(out / "saved")
        (out / "saved/config.json").rename(out / f"{name}.saved.json")
        (out / f"{name}.expected.json").write_text(json.dumps(expected(config)))
    (out / "saved").rmdir()
    (out / "names.json").write_text(json.dumps(list(RELEASED)))


if __name__ == "__main__":
    golden.main(generate, packages=["transformers"])

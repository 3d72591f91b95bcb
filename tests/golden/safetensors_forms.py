"""The SafeTensors folders of a tiny model (models.py): as transformers saves it, and as it was
released."""
import json

import safetensors.torch
import torch

import tiny_tokenizers


def save_hf(spec, model, kind, folder):
    """A folder named after its kind: float32 or bfloat16, as transformers saves it; sharded: in
    many files with an index; stacked: experts as transformers 5 holds them; released, wrapped,
    chatglm, mtp: see released_config(), wrap(), rename_to_chatglm(), add_next_token_layer()."""
    options = {"save_original_format": False} if kind == "stacked" else {}
    if spec.save is not None:
        spec.save(spec, model, folder)
        return tiny_tokenizers.save(spec.tokenizer, folder)
    model.save_pretrained(folder, max_shard_size="60KB" if kind == "sharded" else "1GB", **options)
    if kind == "released" or (kind == "wrapped" and spec.released):
        released_config(spec, folder / "config.json")
    changes = {"wrapped": wrap, "chatglm": rename_to_chatglm, "mtp": add_next_token_layer}
    if kind in changes:
        changes[kind](folder)
    tiny_tokenizers.save(spec.tokenizer, folder)


def wrap(folder):
    """Makes of a text model what its siblings are: the text part of a multimodal one."""
    path = folder / "config.json"
    text_config = json.loads(path.read_text())
    name = "gemma3" if "gemma3" in text_config["model_type"] else "mistral3"
    outer = {"architectures": [f"{name.capitalize()}ForConditionalGeneration"], "model_type": name}
    for key in ("bos_token_id", "eos_token_id", "pad_token_id", "torch_dtype", "dtype"):
        if key in text_config:
            outer[key] = text_config.pop(key)
    text_config.pop("architectures")
    path.write_text(json.dumps(outer | {"text_config": text_config}, indent=2))
    state = safetensors.torch.load_file(folder / "model.safetensors")
    safetensors.torch.save_file({f"language_model.{name}": value for name, value in state.items()},
                                folder / "model.safetensors", metadata={"format": "pt"})


def rename_to_chatglm(folder):
    """Makes of a GLM-4 what it was first released as: the same numbers under ChatGLM's names."""
    path = folder / "config.json"
    old = json.loads(path.read_text())
    path.write_text(json.dumps({
        "architectures": ["ChatGLMModel"], "model_type": "chatglm", "torch_dtype": "float32",
        "num_layers": old["num_hidden_layers"], "padded_vocab_size": old["vocab_size"],
        "hidden_size": old["hidden_size"], "ffn_hidden_size": old["intermediate_size"],
        "kv_channels": old["head_dim"], "num_attention_heads": old["num_attention_heads"],
        "multi_query_attention": True, "multi_query_group_num": old["num_key_value_heads"],
        "seq_length": old["max_position_embeddings"], "layernorm_epsilon": old["rms_norm_eps"],
        "add_qkv_bias": True, "add_bias_linear": False, "rmsnorm": True, "post_layer_norm": True,
        "apply_residual_connection_post_layernorm": False, "original_rope": True,
        "rope_ratio": old["rope_parameters"]["rope_theta"] / 10000, "tie_word_embeddings": False,
        **{key: old[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}}, indent=2))
    state = safetensors.torch.load_file(folder / "model.safetensors")
    renamed = {}
    for name, value in state.items():
        for suffix in ("weight", "bias"):
            if name.endswith(f"q_proj.{suffix}"):
                parts = [state[name.replace("q_proj", f"{part}_proj")] for part in "qkv"]
                name, value = name.replace("q_proj", "query_key_value"), torch.cat(parts)
        if "k_proj" in name or "v_proj" in name:
            continue
        for before, after in (
                ("lm_head", "transformer.output_layer"), ("model.norm", "model.final_layernorm"),
                ("model.embed_tokens", "transformer.embedding.word_embeddings"),
                ("model.", "transformer.encoder."), ("self_attn.o_proj", "self_attn.dense"),
                ("self_attn", "self_attention"), ("gate_up_proj", "dense_h_to_4h"),
                ("down_proj", "dense_4h_to_h")):
            name = name.replace(before, after)
        renamed[name] = value
    safetensors.torch.save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})


def add_next_token_layer(folder):
    """Adds a layer for multi-token prediction, which nothing here runs."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | {"num_nextn_predict_layers": 1}
    path.write_text(json.dumps(config, indent=2))
    state = safetensors.torch.load_file(folder / "model.safetensors")
    last, hidden = config["num_hidden_layers"] - 1, config["hidden_size"]
    place = f"model.layers.{last + 1}."
    for name, value in list(state.items()):
        if name.startswith(f"model.layers.{last}."):
            state[name.replace(f"model.layers.{last}.", place)] = value.clone()
    state |= {place + "eh_proj.weight": torch.randn(hidden, 2 * hidden),
              place + "shared_head.head.weight": torch.randn(config["vocab_size"], hidden),
              place + "embed_tokens.weight": torch.randn(config["vocab_size"], hidden)}
    state |= {place + norm + ".weight": torch.randn(hidden)
              for norm in ("enorm", "hnorm", "shared_head.norm")}
    safetensors.torch.save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def released_config(spec, path):
    """Rewrites config.json as released checkpoints spell it, from before transformers 5."""
    config = json.loads(path.read_text())
    config.pop("rope_parameters")
    config.pop("_sliding_window_pattern", None)
    config["torch_dtype"] = config.pop("dtype")
    config.setdefault("rope_theta", 10000.0)
    for key, value in spec.released.items():
        if value is None:
            config.pop(key, None)
        else:
            config[key] = value
    path.write_text(json.dumps(config, indent=2))

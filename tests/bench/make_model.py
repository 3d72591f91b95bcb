#!/usr/bin/env python3
"""Models in the shapes of published ones, with random weights, for measurements of speed.

The speed of a dense model does not depend on the values of its weights, so a random one of the
right shape stands for one that cannot be had everywhere; model_weights.py says what a mixture of
experts needs beside. Types mix as llama-quantize mixes them. The vocabulary is the default model's,
filled up to the shape's size.

    tests/bench/make_model.py                 the models there are, and which are made already
    tests/bench/make_model.py NAME...         makes them and prints their paths
    tests/bench/make_model.py --check NAME... also reads finished ones again for their checksums

They lie in $SKEP_CACHE_DIR/models/bench, each with a manifest of its size and checksum beside it.
The same name always gives the same bytes; CHECKSUMS holds what they are.
"""
import argparse
import hashlib
import json
import pathlib
import subprocess
import sys

import environment

environment.enter()

import gguf  # noqa: E402
import numpy as np  # noqa: E402

import model_weights  # noqa: E402
import random_blocks  # noqa: E402
import shapes  # noqa: E402

FOLDER = environment.CACHE / "models/bench"

# Name: shape and what llama-quantize would call the file's type.
MODELS = {
    "llama-1b-q4_k_m": (shapes.LLAMA_1B, "Q4_K_M"),
    "llama-1b-q8_0": (shapes.LLAMA_1B, "Q8_0"),
    "llama-1b-q6_k": (shapes.LLAMA_1B, "Q6_K"),
    "llama-1b-q4_0": (shapes.LLAMA_1B, "Q4_0"),
    "llama-1b-bf16": (shapes.LLAMA_1B, "BF16"),
    "llama-8b-q4_k_m": (shapes.LLAMA_8B, "Q4_K_M"),
    "qwen3-0.6b-q4_k_m": (shapes.QWEN3_600M, "Q4_K_M"),
    "gemma3-1b-q4_k_m": (shapes.GEMMA3_1B, "Q4_K_M"),
    "phi4-mini-q4_k_m": (shapes.PHI4_MINI, "Q4_K_M"),
    "qwen3-moe-q4_k_m": (shapes.QWEN3_MOE, "Q4_K_M"),
    "deepseek-v2-lite-q4_k_m": (shapes.DEEPSEEK_V2_LITE, "Q4_K_M"),
}
# A folder with the weights of llama-1b-bf16 as SafeTensors.
SAFETENSORS = {"llama-1b-bf16-safetensors": shapes.LLAMA_1B}

CHECKSUMS = {
    "deepseek-v2-lite-q4_k_m":
        "fc46543f10e0665b5bc2eff450f3d5b4afe5a111248648d20cfb285af61450dd",
    "gemma3-1b-q4_k_m":
        "2e6ba93fbc66e5e1bff1f0fd146a986262b388358b884928404f410a78453b04",
    "llama-1b-bf16":
        "497ad752e688a9627f8d925fb4e4c55effdcd99a23a5772b2b9c80ca0fea2c80",
    "llama-1b-q4_k_m":
        "1df3ee4a4c6578dc1910630214093d40508dc6a7f636d4be939f0b2b73617369",
    "llama-1b-q6_k":
        "b4b398d6b1e11d51376ac3a63c9afd2bf1f8e5ff9b2e1905af57c88a698f46bf",
    "llama-1b-q8_0":
        "719aace2cc07ae854e742ce6cdc5929f5f6b3ae7b1efc2bb45ec641f06f20a7f",
    "phi4-mini-q4_k_m":
        "5afbcf482473753c4b34869f1628800a2ee0b0560fb3bbf4b9498af391d67961",
    "qwen3-0.6b-q4_k_m":
        "0d2fa82bdda0b7a51f7009e504e2d0038f8cde32b60e26a0001cba7055adcbde",
    "qwen3-moe-q4_k_m":
        "3290b980eff6c45a4eb673f06d876e85df3fd391ec025d4d795ccd35dec908db",
}


def path_of(name):
    return FOLDER / (name if name in SAFETENSORS else f"{name}.gguf")


# ------------------------------------------------------------------------------------- vocabulary


def get_model(name):
    return pathlib.Path(subprocess.run([environment.SOURCE / "tools/get_model", name], check=True,
                                       stdout=subprocess.PIPE, text=True).stdout.strip())


def read_vocabulary(size):
    fields = gguf.GGUFReader(get_model("smollm2")).fields

    def get(key):
        return fields["tokenizer." + key].contents()

    tokens, types = list(get("ggml.tokens")), list(get("ggml.token_type"))
    unused = range(len(tokens), size)
    tokens += [f"<|unused_{i}|>" for i in unused]
    types += [int(gguf.TokenType.UNUSED)] * len(unused)
    return {"tokens": tokens, "types": types, "merges": list(get("ggml.merges")),
            "pre": get("ggml.pre"), "bos": get("ggml.bos_token_id"),
            "eos": get("ggml.eos_token_id"), "template": get("chat_template")}


# ---------------------------------------------------------------------------------------- writers


def add_metadata(writer, name, shape, file_type):
    writer.add_name(f"random {name}")
    add = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
    for key, value in shapes.metadata(shape):
        add[type(value)](f"{shape.architecture}.{key}", value)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{file_type}"])
    vocabulary = read_vocabulary(shape.vocab)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary["pre"])
    writer.add_token_list(vocabulary["tokens"])
    writer.add_token_types(vocabulary["types"])
    writer.add_token_merges(vocabulary["merges"])
    writer.add_bos_token_id(vocabulary["bos"])
    writer.add_eos_token_id(vocabulary["eos"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(vocabulary["template"])


def write_gguf(path, name, shape, file_type):
    writer = gguf.GGUFWriter(path, shape.architecture)
    add_metadata(writer, name, shape, file_type)
    kinds = {tensor: model_weights.weight_type(tensor, shape, file_type)
             for tensor in shapes.tensors(shape)}
    for tensor, kind in kinds.items():
        if kind == gguf.GGMLQuantizationType.F32:
            size, element, raw_kind = tensor.shape, np.dtype(np.float32), None
        else:
            row = random_blocks.row_bytes(kind, tensor.shape[-1])
            size, element, raw_kind = (*tensor.shape[:-1], row), np.dtype(np.uint8), kind
        writer.add_tensor_info(tensor.name, size, element, int(np.prod(size)) * element.itemsize,
                               raw_dtype=raw_kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor, kind in kinds.items():
        writer.write_tensor_data(model_weights.gguf_data(tensor, kind, shape))
    writer.close()


# Names of SafeTensors, after the layer's.
LLAMA_NAMES = {
    "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


def safetensors_name(tensor):
    layer = f"model.layers.{tensor.layer}." if tensor.layer >= 0 else ""
    return f"{layer}{LLAMA_NAMES[tensor.part]}.weight"


def write_safetensors(folder, shape):
    folder.mkdir()
    table, offset = {"__metadata__": {"format": "pt"}}, 0
    for tensor in shapes.tensors(shape):
        end = offset + 2 * int(np.prod(tensor.shape))
        table[safetensors_name(tensor)] = {"dtype": "BF16", "shape": tensor.shape,
                                           "data_offsets": [offset, end]}
        offset = end
    header = json.dumps(table).encode()
    header += b" " * (-len(header) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for tensor in shapes.tensors(shape):
            one = np.uint16(0x3F80)
            file.write(model_weights.brain_floats(tensor) if len(tensor.shape) == 2
                       else np.full(tensor.shape, one))
    vocabulary = read_vocabulary(shape.vocab)
    write_json(folder / "config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "bfloat16",
        "hidden_size": shape.hidden, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim, "intermediate_size": shape.ffn, "vocab_size": shape.vocab,
        "max_position_embeddings": shape.context, "rope_theta": shape.rope_theta,
        "rms_norm_eps": shape.norm_epsilon, "hidden_act": "silu",
        "tie_word_embeddings": shape.tied, "attention_bias": False, "mlp_bias": False,
        "bos_token_id": vocabulary["bos"], "eos_token_id": vocabulary["eos"]})
    write_tokenizer(folder, vocabulary)


def write_tokenizer(folder, vocabulary):
    """The same vocabulary in the format of the tokenizers library."""
    tokens, control = vocabulary["tokens"], int(gguf.TokenType.CONTROL)
    write_json(folder / "tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None,
        "post_processor": None,
        "added_tokens": [{"id": i, "content": token, "special": True, "normalized": False,
                          "single_word": False, "lstrip": False, "rstrip": False}
                         for i, token in enumerate(tokens) if vocabulary["types"][i] == control],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
             "use_regex": True}]},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                    "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(tokens)},
                  "merges": [merge.split(" ", 1) for merge in vocabulary["merges"]]}})
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": tokens[vocabulary["bos"]],
        "eos_token": tokens[vocabulary["eos"]], "chat_template": vocabulary["template"]})


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False) + "\n")


# ------------------------------------------------------------------------------------------ cache


def digest(path):
    """SHA-256 of a file, or of a folder's files by name."""
    if path.is_dir():
        listing = "".join(f"{file.name} {digest(file)}\n" for file in sorted(path.iterdir()))
        return hashlib.sha256(listing.encode()).hexdigest()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(path):
    return sum(f.stat().st_size for f in path.iterdir()) if path.is_dir() else path.stat().st_size


def manifest_of(path):
    return path.with_name(path.name + ".json")


def is_made(name):
    path = path_of(name)
    try:
        manifest = json.loads(manifest_of(path).read_text())
        return (manifest["sha256"] == CHECKSUMS.get(name, manifest["sha256"]) and
                manifest["bytes"] == size_of(path))
    except (OSError, ValueError, KeyError):
        return False


def verify(name, path):
    """The checksum of what lies at `path`, which must be the one that the name stands for."""
    found = digest(path)
    if found != CHECKSUMS.get(name, found):
        sys.exit(f"{path}: its SHA-256 is {found}, not {CHECKSUMS[name]}")
    return found


def make(name):
    """The path of a model, which is written first unless it is there."""
    path = path_of(name)
    if is_made(name):
        return path
    print(f"==> writing {path}", file=sys.stderr)
    FOLDER.mkdir(parents=True, exist_ok=True)
    partial = path.with_name("partial-" + path.name)
    environment.remove(partial)
    if name in SAFETENSORS:
        write_safetensors(partial, SAFETENSORS[name])
    else:
        write_gguf(partial, name, *MODELS[name])
    checksum = verify(name, partial)
    environment.remove(path)
    partial.rename(path)
    write_json(manifest_of(path), {"sha256": checksum, "bytes": size_of(path),
                                   "seed": model_weights.SEED})
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    known = [*MODELS, *SAFETENSORS]
    for name in options.names:
        if name not in known:
            parser.error(f"there is no model '{name}', but {', '.join(known)}")
        path = make(name)
        if options.check:
            verify(name, path)
        print(path)
    if not options.names:
        for name in known:
            print(f"{name:28s}{path_of(name) if is_made(name) else '(not made)'}")


if __name__ == "__main__":
    main()

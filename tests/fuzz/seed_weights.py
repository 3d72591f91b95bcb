"""Seeds for the readers of weights and their configurations."""
from seed_files import ARRAY, BOOL, F32, F64, FORMATS, I32, STRING, U32, dump, gguf, safetensors, write


def write_gguf():
    llama = {
        "general.architecture": (STRING, "llama"), "llama.embedding_length": (U32, 64),
        "llama.block_count": (U32, 2), "llama.attention.head_count": (U32, 4),
        "llama.attention.head_count_kv": (ARRAY, (U32, [2, 4])), "llama.context_length": (U32, 2048),
        "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5), "llama.rope.freq_base": (F32, 1e4),
        "llama.rope.dimension_count": (U32, 16), "llama.rope.scaling.type": (STRING, "yarn"),
        "llama.rope.scaling.factor": (F32, 4), "llama.rope.scaling.original_context_length": (U32, 512),
        "tokenizer.ggml.eos_token_id": (U32, 2), "tokenizer.ggml.tokens": (ARRAY, (STRING, ["a", "", "b"])),
        "general.sampling.temp": (F32, 0.5)}
    write("gguf", "config.gguf", gguf(llama))
    gemma = {"general.architecture": (STRING, "gemma3"), "gemma3.attention.sliding_window": (U32, 512),
             "gemma3.attention.sliding_window_pattern": (ARRAY, (BOOL, [True, False] * 6)),
             "gemma3.rope.freq_base": (F64, 1e6), "general.alignment": (U32, 8)}
    write("gguf", "gemma3.gguf", gguf(gemma, [("a", [32], 0, 128)], alignment=8))
    kinds = {f"kind{i}": (kind, 1 if kind != BOOL else True) for i, kind in enumerate(FORMATS)}
    kinds |= {f"array{i}": (ARRAY, (kind, [1, 0])) for i, kind in enumerate(FORMATS)}
    kinds["nested"] = (ARRAY, (ARRAY, [(STRING, ["x", ""]), (ARRAY, [(U32, [7])])]))
    write("gguf", "values.gguf", gguf(kinds))
    # type: elements and bytes of a block
    blocks = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34), 12: (256, 144), 14: (256, 210), 20: (32, 18),
              30: (1, 2), 39: (32, 17)}
    tensors = [(f"t{kind}", [elements, 2], kind, 2 * size) for kind, (elements, size) in blocks.items()]
    write("gguf", "tensors.gguf", gguf({"general.architecture": (STRING, "llama")}, tensors))
    write("gguf", "split.gguf", gguf({"split.no": (2, 0), "split.count": (2, 3), "split.tensors.count": (I32, 1)},
                                     [("output.weight", [2, 3, 1, 1], 0, 24)]))


def write_safetensors():
    def tensor(kind, shape, begin, end):
        return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}
    write("safetensors", "empty.safetensors", safetensors({}))
    write("safetensors", "three.safetensors", safetensors(
        {"__metadata__": {"format": "pt"}, "a": tensor("F32", [2, 3], 0, 24), "b": tensor("F8_E4M3", [5], 24, 29),
         "c": tensor("BF16", [], 29, 31), "d": tensor("I64", [0, 4], 31, 31)}, bytes(range(31))))
    sizes = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E5M2": 1, "I8": 1, "I16": 2, "I32": 4, "U8": 1, "BOOL": 1}
    header, at = {}, 0
    for kind, size in sizes.items():
        header[kind] = tensor(kind, [1, 2], at, at + 2 * size)
        at += 2 * size
    write("safetensors", "types.safetensors", safetensors(header, b"\x3f" * at))


def write_configs():
    rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192}
    write("config_json", "llama.json", dump(
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "num_attention_heads": 4,
         "rms_norm_eps": 1e-5, "eos_token_id": [1, 2], "max_position_embeddings": 2048, "rope_scaling": rope,
         "rope_theta": 500000.0, "vocab_size": 1e5, "hidden_act": "silu"}))
    write("config_json", "gemma3.json", dump(
        {"architectures": ["Gemma3ForConditionalGeneration"], "eos_token_id": 1, "text_config": {
            "model_type": "gemma3_text", "layer_types": ["sliding_attention"] * 11 + ["full_attention"],
            "rope_local_base_freq": 10000, "sliding_window": 512, "head_dim": None,
            "rope_parameters": {"sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
                                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}}}}))
    write("config_json", "longrope.json", dump(
        {"model_type": "phi3", "rope_scaling": {"type": "longrope", "short_factor": [1, 1.5], "long_factor": [2, 3.5]},
         "original_max_position_embeddings": 4096, "max_position_embeddings": 131072, "sliding_window_pattern": 6,
         "partial_rotary_factor": 0.75}))
    write("config_json", "yarn.json", dump(
        {"rope_scaling": {"rope_type": "yarn", "factor": 40, "mscale": 1.0, "mscale_all_dim": 0.7, "beta_fast": 32,
                          "beta_slow": 1, "truncate": False, "original_max_position_embeddings": 4096}}))
    write("config_json", "modules.json", dump([
        {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]))
    write("config_json", "pooling.json", dump(
        {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False, "pooling_mode": "cls",
         "include_prompt": True}))
    write("config_json", "generation.json", dump({"temperature": 0.6, "top_k": 50, "eos_token_id": [2, 7, 2]}))

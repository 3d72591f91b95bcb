"""Tiny random models of every supported family, with the logits that transformers gives for them.

Every parameter is redrawn, so that nothing a default initialisation hides (norms of one, biases of
zero) can go wrong unseen. Each model is kept as SafeTensors folders and, through llama.cpp's own
converter and quantiser, as GGUF files; each of these *checkpoints* names the *reference* whose logits
it should give: those of transformers in float32 with exactly the values that the checkpoint holds
(for quantised files: dequantised by the gguf package).

What is written:

    index.json     {"models": [model, ...]}, see below; all paths are relative to this folder
    <model>/...    the checkpoints
    <model>/logits.<reference>.bin
                   little-endian float32, [sequence][token][vocab_size] without padding: the logits
                   after each token of each of the model's sequences

    model:      name, family, vocab_size,
                schedule            "any": however a sequence is cut into steps, the logits are the
                                    same; "steps": RoPE depends on the length so far, and these are
                                    the logits of one step a token; "whole": it depends on the length
                                    of the whole sequence, and these are those of one prefill
                routes              whether a router chooses experts
                sequences           [{tokens: [...], prompt: n}]: the first n tokens are the prompt,
                                    the rest is transformers' greedy continuation of it (of "float32")
                references          {name: {logits: path,
                                    greedy: [[id, ...], ...], margins: [[x, ...], ...]}}, a list a
                                    sequence, an entry for each position from prompt - 1 on: the best
                                    next token, and by how much its logit beats the second best
                checkpoints         [{path, format: "safetensors" | "gguf", type, reference}]; type is
                                    that of the matrices, as GGUF spells it (F32, BF16, Q4_K, ...)
"""
import contextlib
import ctypes
import io
import hashlib
import importlib
import json
import pathlib
import re
import shutil
import sys
import zlib

import numpy as np
import safetensors.torch
import torch
import transformers

import golden

golden.use_llama_cpp_gguf()
sys.path.insert(0, str(golden.LLAMA_CPP))
import gguf  # noqa: E402
from conversion import get_model_class  # noqa: E402
from conversion.base import TextModel  # noqa: E402

import tiny_tokenizers  # noqa: E402
from families.spec import BASE  # noqa: E402

HERE = pathlib.Path(__file__).parent

PROMPTS = (33, 11)  # lengths; the first is longer than every window and original context
CONTINUATION = 12

FAMILIES = sorted(path.stem for path in (HERE / "families").glob("*.py") if path.stem != "spec")


# --- models ----------------------------------------------------------------------------------


def new_model(spec, changes=None):
    config = transformers.AutoConfig.for_model(spec.oracle_config or spec.family,
                                               **(spec.full_config() | (changes or {})))
    if spec.oracle is not None:
        return spec.oracle(config)
    return transformers.AutoModelForCausalLM.from_config(config, attn_implementation=spec.attention)


def make_model(spec):
    model = new_model(spec)
    generator = torch.Generator().manual_seed(zlib.crc32(spec.name.encode()))
    with torch.no_grad():
        learned = [(name, buffer) for name, buffer in model.named_buffers()
                   if name.endswith("e_score_correction_bias")]
        for name, parameter in [*model.named_parameters(), *learned]:
            redraw(spec, name, parameter, torch.randn(parameter.shape, generator=generator))
    return model.float().eval()


def redraw(spec, name, parameter, noise):
    last = name.rsplit(".", 1)[-1]
    if last in ("e_score_correction_bias", "sinks"):
        parameter.copy_(0.5 * noise)
    elif last.endswith("bias"):
        parameter.copy_(0.2 * noise)
    elif parameter.dim() == 1:  # a norm's
        parameter.copy_(spec.norm_center + 0.2 * noise)
    elif "embed" in name or last == "wte":
        # Small enough for the layers to matter: Gemma multiplies by the root of the width.
        parameter.copy_(noise * (0.1 if "gemma" in spec.family else 0.3))
    else:
        parameter.copy_(noise * 1.3 / parameter.shape[-1] ** 0.5)


def with_weights(spec, state, changes=None):
    """The model in float32 with these values, and perhaps with other settings."""
    model = new_model(spec, changes).float().eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    missing = [m for m in missing if not (m == "lm_head.weight" and model.config.tie_word_embeddings)]
    if missing or unexpected:
        raise ValueError(f"{spec.name}: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    return model


def logits_of(model, tokens, schedule="any"):
    with torch.no_grad():
        if schedule != "steps":
            return model(torch.tensor([tokens]), use_cache=False).logits[0].float().numpy()
        cache, rows = transformers.DynamicCache(), []
        for position, token in enumerate(tokens):
            step = model(torch.tensor([[token]]), past_key_values=cache, use_cache=True,
                         position_ids=torch.tensor([[position]]))
            rows.append(step.logits[0, 0].float().numpy())
        return np.stack(rows)


def make_sequences(spec, model):
    rng = np.random.default_rng(zlib.crc32(spec.name.encode()) + 1)
    sequences = []
    for length in PROMPTS:
        tokens = [BASE["bos_token_id"], *rng.integers(4, BASE["vocab_size"], length - 1).tolist()]
        if spec.schedule == "any":
            for _ in range(CONTINUATION):
                tokens.append(int(logits_of(model, tokens)[-1].argmax()))
        sequences.append({"tokens": tokens, "prompt": length})
    return sequences


# --- SafeTensors ------------------------------------------------------------------------------


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


# --- GGUF -------------------------------------------------------------------------------------


def convert(spec, folder, out, file_type, **options):
    """Runs llama.cpp's converter on a SafeTensors folder."""
    if spec.for_converter:
        changed = folder.with_name(folder.name + "-for-converter")
        shutil.copytree(folder, changed, dirs_exist_ok=True)
        path = changed / "config.json"
        config = json.loads(path.read_text()) | spec.for_converter
        path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
        folder = changed
    # It knows pre-tokenisers by a hash of what they make of a fixed text; ours is GPT-2's.
    TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
    # It looks for GLM's special tokens, which the tiny tokenisers do not have.
    TextModel._set_vocab_glm = TextModel._set_vocab_gpt2
    config = json.loads((folder / "config.json").read_text())
    model_class = get_model_class(config["architectures"][0])
    if spec.plain_vocabulary:
        model_class.set_vocab = TextModel._set_vocab_gpt2
    with torch.inference_mode(), contextlib.redirect_stdout(io.StringIO()):
        writer = model_class(folder, file_type, out, eager=True, **options)
        modify = writer.modify_tensors

        def modify_all(*tensor):  # StableLM's returns a generator where it should yield from it
            yield from (yield from modify(*tensor)) or ()

        writer.modify_tensors = modify_all
        writer.write()


class Quantizer:
    """ggml's own quantiser, from the library of the llama.cpp build."""

    def __init__(self):
        library = ctypes.CDLL(str(golden.CACHE / "llama.cpp/build/bin/libggml-base.so"))
        self._chunk = library.ggml_quantize_chunk
        self._chunk.restype = ctypes.c_size_t
        self._chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64,
                                ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]

    def __call__(self, values, kind):
        *shape, columns = values.shape
        values = np.ascontiguousarray(values, np.float32).reshape(-1, columns)
        rows = len(values)
        block, size = gguf.GGML_QUANT_SIZES[kind]
        out = np.zeros((rows, columns // block * size), np.uint8)
        importance = np.ones(columns, np.float32)  # some types cannot do without
        written = self._chunk(int(kind), values.ctypes.data, out.ctypes.data, 0, rows, columns,
                              importance.ctypes.data)
        if written != out.nbytes:
            raise ValueError(f"{kind.name}: {written} bytes written, expected {out.nbytes}")
        return out.reshape(*shape, -1)


def fits(columns, kind):
    return columns % gguf.GGML_QUANT_SIZES[kind][0] == 0


# What llama.cpp's converter leaves in float32 under every type: GGUF's names, and Hugging Face's.
KEPT_IN_GGUF = r"ffn_gate_inp|position_embd|attn_sinks|(norm|bias)(\.weight)?$"
KEPT = (r"(mlp|block_sparse_moe)\.(gate|router)\.|router\.(layer\.)?weight|shared_expert_gate"
        r"|(wpe|sinks|norm|bias)(\.weight)?$")


def quantize(source, out, kind, quantizer):
    """Writes the GGUF file `source` again with every matrix of type `kind`."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(out, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if field.name == "general.architecture" or field.name.startswith("GGUF."):
            continue
        is_array = field.types[0] == gguf.GGUFValueType.ARRAY
        writer.add_key_value(field.name, field.contents(), field.types[0],
                             sub_type=field.types[-1] if is_array else None)
    for tensor in reader.tensors:
        values = tensor.data
        kept = re.search(KEPT_IN_GGUF, tensor.name) or not fits(values.shape[-1], kind)
        if values.ndim == 1 or kept:
            writer.add_tensor(tensor.name, values)
        else:
            writer.add_tensor(tensor.name, quantizer(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def rounded_state(spec, model, kind, quantizer):
    """The state dict with every matrix rounded as GGUF's `kind` rounds it. All that the converter
    does to a matrix, beside transposing some, moves whole rows, and rows are quantised alone."""
    def round_rows(rows):
        if not fits(rows.shape[-1], kind):
            return rows
        blocks = quantizer(rows.numpy(), kind)
        return torch.from_numpy(gguf.quants.dequantize(blocks, kind).reshape(rows.shape))

    state = {}
    for name, values in model.state_dict().items():
        if spec.rounded and (rounded := spec.rounded(name, values, round_rows)) is not None:
            state[name] = rounded.contiguous()
            continue
        kept = any(re.search(pattern, name) for pattern in (KEPT, *spec.kept))
        transposed = any(re.search(pattern, name) for pattern in spec.transposed)
        if values.dim() > 1 and not kept:
            rows = round_rows(values.transpose(-1, -2) if transposed else values)
            values = rows.transpose(-1, -2) if transposed else rows
        state[name] = values.contiguous()
    return state


# --- all of it --------------------------------------------------------------------------------


class Writer:
    """Collects what one model's entry in the index says."""

    def __init__(self, spec, out, sequences):
        self.spec, self.out, self.sequences = spec, out, sequences
        self.references, self.checkpoints = {}, []

    def reference(self, name, model):
        path = f"{self.spec.name}/logits.{name}.bin"
        greedy, margins = [], []
        with open(self.out / path, "wb") as file:
            for sequence in self.sequences:
                logits = logits_of(model, sequence["tokens"], self.spec.schedule)
                if not np.isfinite(logits).all():
                    raise ValueError(f"{self.spec.name}, {name}: logits are not finite")
                file.write(np.ascontiguousarray(logits, "<f4").tobytes())
                top = np.sort(logits[sequence["prompt"] - 1:], axis=-1)
                greedy.append(logits[sequence["prompt"] - 1:].argmax(-1).tolist())
                margins.append((top[:, -1] - top[:, -2]).tolist())
        self.references[name] = {"logits": path, "greedy": greedy, "margins": margins}

    def checkpoint(self, path, file_format, kind, reference):
        self.checkpoints.append({"path": f"{self.spec.name}/{path}", "format": file_format,
                                 "type": kind, "reference": reference})

    def entry(self):
        return {"name": self.spec.name, "family": self.spec.family,
                "vocab_size": self.spec.full_config()["vocab_size"], "schedule": self.spec.schedule,
                "routes": any("experts" in key for key in self.spec.config),
                "sequences": self.sequences, "references": self.references,
                "checkpoints": self.checkpoints}


def round_constants(model):
    """Gemma multiplies embeddings by a constant that it keeps in the weights' type."""
    for module in model.modules():
        if hasattr(module, "embed_scale"):
            module.embed_scale = module.embed_scale.to(torch.bfloat16).float()
    return model


def write_safetensors(spec, model, out, writer, quantizer):
    for kind in spec.hf:
        if kind in spec.custom:
            folder = out / spec.name / kind
            state = spec.custom[kind](spec, model, folder, quantizer)
            tiny_tokenizers.save(spec.tokenizer, folder)
            if state is not None:
                writer.reference(kind, with_weights(spec, state))
            writer.checkpoint(kind, "safetensors", "F32" if state is None else kind.upper(),
                              "float32" if state is None else kind)
        elif kind == "bfloat16":
            rounded = {k: v.to(torch.bfloat16) for k, v in model.state_dict().items()}
            save_hf(spec, with_weights(spec, rounded).to(torch.bfloat16), kind,
                    out / spec.name / kind)
            writer.reference("bfloat16", round_constants(with_weights(spec, rounded)))
            writer.checkpoint(kind, "safetensors", "BF16", "bfloat16")
        else:
            save_hf(spec, model, kind, out / spec.name / kind)
            writer.checkpoint(kind, "safetensors", "F32", "float32")


def write_gguf(spec, model, out, writer, quantizer):
    if not spec.gguf:
        return
    folder = out / spec.name
    source = next((folder / kind for kind in ("mtp", "float32", "chatglm") if kind in spec.hf),
                  folder / "source")
    if source.name == "source":
        save_hf(spec, model, "float32", source)
    file_types = {"F32": gguf.LlamaFileType.ALL_F32, "F16": gguf.LlamaFileType.MOSTLY_F16,
                  "BF16": gguf.LlamaFileType.MOSTLY_BF16}
    for kind in spec.gguf:
        path = folder / f"{kind.lower()}.gguf"
        if kind in file_types:
            convert(spec, source, path, file_types[kind])
        else:
            quantize(folder / "f32.gguf", path, gguf.GGMLQuantizationType[kind], quantizer)
        name = "float32"
        if kind != "F32" or spec.gguf_changes:
            name = f"gguf-{kind.lower()}"
            state = model.state_dict()
            if kind in ("F16", "BF16"):
                state = {k: v.to({"F16": torch.float16, "BF16": torch.bfloat16}[kind]).float()
                         if v.dim() > 1 else v for k, v in state.items()}
            elif kind != "F32":
                state = rounded_state(spec, model, gguf.GGMLQuantizationType[kind], quantizer)
            writer.reference(name, with_weights(spec, state, spec.gguf_changes))
        writer.checkpoint(path.name, "gguf", kind, name)
    if spec.split:
        convert(spec, source, folder / "split.gguf", file_types["F32"], split_max_tensors=8)
        first = min(folder.glob("split-*.gguf"))
        writer.checkpoint(first.name, "gguf", "F32", "float32")
    for left in (folder / "source", *folder.glob("*-for-converter")):
        shutil.rmtree(left, ignore_errors=True)


def key_of(spec, family):
    """Of all that a model's files depend on, but for the packages' versions."""
    digest = hashlib.sha256(spec.name.encode())
    for path in (HERE / f"families/{family}.py", *COMMON_INPUTS):
        digest.update(pathlib.Path(path).read_bytes())
    return digest.hexdigest()


def generate(out, previous):
    torch.manual_seed(0)
    torch.set_num_threads(1)  # quicker for models this small
    quantizer = Quantizer()
    entries = []
    for family in FAMILIES:
        for spec in importlib.import_module(f"families.{family}").SPECS:
            key, kept = key_of(spec, family), out / spec.name / "entry.json"
            if previous is not None:
                before = previous / spec.name
                if (before / "key").exists() and (before / "key").read_text() == key:
                    shutil.copytree(before, out / spec.name)
                    entries.append(json.loads(kept.read_text()))
                    continue
            print(spec.name, flush=True)
            (out / spec.name).mkdir()
            model = make_model(spec)
            writer = Writer(spec, out, make_sequences(spec, model))
            writer.reference("float32", model)
            write_safetensors(spec, model, out, writer, quantizer)
            write_gguf(spec, model, out, writer, quantizer)
            for write in spec.more:
                write(spec, model, out / spec.name, writer)
            entries.append(writer.entry())
            kept.write_text(json.dumps(entries[-1]))
            (out / spec.name / "key").write_text(key)
    (out / "index.json").write_text(json.dumps({"models": entries}))


COMMON_INPUTS = [__file__, HERE / "families/spec.py", HERE / "quantized_hf.py", tiny_tokenizers.__file__,
                 tiny_tokenizers.TEXT]

if __name__ == "__main__":
    golden.main(generate, inputs=[*COMMON_INPUTS,
                                  *(HERE / f"families/{family}.py" for family in FAMILIES)],
                packages=["transformers", "torch", "tokenizers", "sentencepiece"], reuse=True)

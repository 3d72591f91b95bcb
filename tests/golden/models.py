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
import dataclasses
import io
import json
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

LEGACY = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "MXFP4"]  # rows in multiples of 32
SUPER = ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S",
         "IQ3_XXS", "IQ3_S", "IQ4_XS", "TQ1_0", "TQ2_0", "NVFP4"]  # of 256

BASE = dict(vocab_size=tiny_tokenizers.VOCAB_SIZE, hidden_size=64, intermediate_size=128,
            num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=256, **tiny_tokenizers.SPECIAL_IDS)
PROMPTS = (33, 11)  # lengths; the first is longer than every window and original context below
CONTINUATION = 12


@dataclasses.dataclass
class Spec:
    """One tiny model and the forms in which it is kept."""
    name: str
    family: str
    config: dict
    tokenizer: str = "bpe"             # or "spm"
    hf: tuple = ("float32",)           # SafeTensors folders, see save_hf()
    gguf: tuple = ("F32",)
    split: bool = False                # also as a split GGUF
    schedule: str = "any"              # see above
    gguf_changes: dict = dataclasses.field(default_factory=dict)  # what GGUF cannot express
    released: dict = dataclasses.field(default_factory=dict)      # see released_config()


def rope(kind, **values):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **values}}


LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)
YARN = dict(factor=4.0, original_max_position_embeddings=16)
LONGROPE = dict(factor=4.0, original_max_position_embeddings=16,
                short_factor=[1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7],
                long_factor=[2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5])
GEMMA3 = dict(
    hidden_size=96, intermediate_size=160, num_hidden_layers=6, head_dim=32, sliding_window=8,
    query_pre_attn_scalar=32,
    rope_parameters={
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}})

SPECS = [
    Spec("llama_tied", "llama", dict(num_key_value_heads=4, tie_word_embeddings=True),
         hf=("float32", "bfloat16", "sharded"), gguf=("F32", "F16", "BF16", *LEGACY), split=True),
    Spec("llama3_rope", "llama", rope("llama3", **LLAMA3), hf=("float32", "released"),
         gguf=("F32", "Q8_0"), released={"rope_scaling": {"rope_type": "llama3", **LLAMA3}}),
    Spec("llama_linear", "llama", rope("linear", factor=4.0), hf=("float32", "released"),
         released={"rope_scaling": {"type": "linear", "factor": 4.0}}),
    Spec("llama_dynamic", "llama", rope("dynamic", factor=4.0) | dict(max_position_embeddings=16),
         gguf=(), schedule="steps"),
    Spec("llama_yarn", "llama", rope("yarn", **YARN) | dict(max_position_embeddings=64),
         hf=("float32", "released"), released={"rope_scaling": {"type": "yarn", **YARN}}),
    Spec("llama_longrope", "llama", rope("longrope", **LONGROPE) | dict(max_position_embeddings=64),
         gguf=(), schedule="whole"),
    Spec("llama_biases", "llama", dict(head_dim=32, attention_bias=True, mlp_bias=True,
                                       tie_word_embeddings=True),
         tokenizer="spm", gguf=("F32", "Q4_1")),
    Spec("mistral_window", "mistral", dict(sliding_window=8), gguf=("F32",),
         gguf_changes=dict(sliding_window=None)),
    Spec("llama_wide", "llama", dict(hidden_size=256, intermediate_size=512),
         gguf=("F32", *SUPER)),
    Spec("gemma3", "gemma3_text", GEMMA3, tokenizer="spm",
         hf=("float32", "bfloat16", "released", "wrapped"), gguf=("F32", "BF16", "Q4_0", "Q8_0"),
         released={"rope_theta": 1000000.0, "rope_local_base_freq": 10000.0,
                   "rope_scaling": {"rope_type": "linear", "factor": 8.0},
                   "sliding_window_pattern": 6, "layer_types": None}),
    # The scores' scale is another than head_dim's, for which GGUF has no key; logits are capped.
    Spec("gemma3_scale", "gemma3_text",
         GEMMA3 | dict(query_pre_attn_scalar=24, final_logit_softcapping=3.0),
         tokenizer="spm", gguf=()),
]


# --- models ----------------------------------------------------------------------------------


def make_model(spec):
    config = transformers.AutoConfig.for_model(spec.family, **(BASE | spec.config))
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    generator = torch.Generator().manual_seed(zlib.crc32(spec.name.encode()))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name:
                center = 0.0 if "gemma" in spec.family else 1.0
                parameter.copy_(center + 0.2 * noise)
            elif name.endswith("bias"):
                parameter.copy_(0.2 * noise)
            elif "embed" in name:
                # Small enough for the layers to matter: Gemma multiplies by the root of the width.
                parameter.copy_(noise * (0.1 if "gemma" in spec.family else 0.3))
            else:
                parameter.copy_(noise * 1.3 / parameter.shape[1] ** 0.5)
    return model.float().eval()


def with_weights(spec, state, changes=None):
    """The model in float32 with these values, and perhaps with other settings."""
    config = transformers.AutoConfig.for_model(spec.family, **(BASE | spec.config | (changes or {})))
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    model = model.float().eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    missing = [m for m in missing if not (m == "lm_head.weight" and config.tie_word_embeddings)]
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
    many files with an index; released, wrapped: see released_config(), wrap()."""
    model.save_pretrained(folder, max_shard_size="60KB" if kind == "sharded" else "1GB")
    if kind in ("released", "wrapped"):
        released_config(spec, folder / "config.json")
    if kind == "wrapped":
        wrap(folder)
    tiny_tokenizers.save(spec.tokenizer, folder)


def wrap(folder):
    """Makes of a Gemma 3 what its larger siblings are: the text part of a multimodal model."""
    path = folder / "config.json"
    text_config = json.loads(path.read_text())
    outer = {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3"}
    for key in ("bos_token_id", "eos_token_id", "pad_token_id", "torch_dtype"):
        outer[key] = text_config.pop(key)
    text_config.pop("architectures")
    path.write_text(json.dumps(outer | {"text_config": text_config}, indent=2))
    state = safetensors.torch.load_file(folder / "model.safetensors")
    safetensors.torch.save_file({f"language_model.{name}": value for name, value in state.items()},
                                folder / "model.safetensors", metadata={"format": "pt"})


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


def convert(folder, out, file_type, **options):
    """Runs llama.cpp's converter on a SafeTensors folder."""
    # It knows pre-tokenisers by a hash of what they make of a fixed text; ours is GPT-2's.
    TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
    config = json.loads((folder / "config.json").read_text())
    model_class = get_model_class(config["architectures"][0])
    with torch.inference_mode(), contextlib.redirect_stdout(io.StringIO()):
        model_class(folder, file_type, out, eager=True, **options).write()


class Quantizer:
    """ggml's own quantiser, from the library of the llama.cpp build."""

    def __init__(self):
        library = ctypes.CDLL(str(golden.CACHE / "llama.cpp/build/bin/libggml-base.so"))
        self._chunk = library.ggml_quantize_chunk
        self._chunk.restype = ctypes.c_size_t
        self._chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64,
                                ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]

    def __call__(self, values, kind):
        rows, columns = values.shape
        block, size = gguf.GGML_QUANT_SIZES[kind]
        if columns % block:
            raise ValueError(f"{columns} columns, {kind.name} needs multiples of {block}")
        source = np.ascontiguousarray(values, np.float32)
        out = np.zeros((rows, columns // block * size), np.uint8)
        importance = np.ones(columns, np.float32)  # some types cannot do without
        written = self._chunk(int(kind), source.ctypes.data, out.ctypes.data, 0, rows, columns,
                              importance.ctypes.data)
        if written != out.nbytes:
            raise ValueError(f"{kind.name}: {written} bytes written, expected {out.nbytes}")
        return out


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
        if values.ndim == 2:
            blocks = quantizer(values, kind)
            writer.add_tensor(tensor.name, blocks, raw_dtype=kind)
        else:
            writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def state_from_gguf(spec, path):
    """The Hugging Face state dict of what a GGUF file holds: dequantised, and every transform of
    the converter undone."""
    config = BASE | spec.config
    heads = {"q": config["num_attention_heads"], "k": config["num_key_value_heads"]}
    arch = gguf.MODEL_ARCH.GEMMA3 if spec.family == "gemma3_text" else gguf.MODEL_ARCH.LLAMA
    names = gguf_to_hf_names(arch, config["num_hidden_layers"])
    state = {}
    for tensor in gguf.GGUFReader(path).tensors:
        if tensor.name == "rope_freqs.weight":
            continue
        base, suffix = tensor.name.rsplit(".", 1)
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if arch == gguf.MODEL_ARCH.LLAMA and base.endswith(("attn_q", "attn_k")):
            shape = values.shape
            values = values.reshape(heads[base[-1]], -1, 2, *shape[1:]).swapaxes(1, 2)
            values = values.reshape(shape)
        if arch == gguf.MODEL_ARCH.GEMMA3 and base.endswith("norm"):
            values = values - 1
        state[f"{names[base]}.{suffix}"] = torch.from_numpy(np.ascontiguousarray(values))
    return state


def gguf_to_hf_names(arch, layers):
    """GGUF's tensor names without suffix → Hugging Face's."""
    blocks = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj",
              "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
              "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj",
              "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
              "ffn_norm": "post_attention_layernorm"}
    if arch == gguf.MODEL_ARCH.GEMMA3:
        blocks |= {"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
                   "post_attention_norm": "post_attention_layernorm",
                   "ffn_norm": "pre_feedforward_layernorm",
                   "post_ffw_norm": "post_feedforward_layernorm"}
    names = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    for layer in range(layers):
        for ours, theirs in blocks.items():
            names[f"blk.{layer}.{ours}"] = f"model.layers.{layer}.{theirs}"
    return names


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
                "vocab_size": BASE["vocab_size"], "schedule": self.spec.schedule,
                "sequences": self.sequences, "references": self.references,
                "checkpoints": self.checkpoints}


def round_constants(model):
    """Gemma multiplies embeddings by a constant that it keeps in the weights' type."""
    for module in model.modules():
        if hasattr(module, "embed_scale"):
            module.embed_scale = module.embed_scale.to(torch.bfloat16).float()
    return model


def write_safetensors(spec, model, out, writer):
    for kind in spec.hf:
        if kind == "bfloat16":
            rounded = {k: v.to(torch.bfloat16) for k, v in model.state_dict().items()}
            save_hf(spec, with_weights(spec, rounded).to(torch.bfloat16), kind,
                    out / spec.name / kind)
            writer.reference("bfloat16", round_constants(with_weights(spec, rounded)))
            writer.checkpoint(kind, "safetensors", "BF16", "bfloat16")
        else:
            save_hf(spec, model, kind, out / spec.name / kind)
            writer.checkpoint(kind, "safetensors", "F32", "float32")


def write_gguf(spec, out, writer, quantizer):
    folder = out / spec.name
    file_types = {"F32": gguf.LlamaFileType.ALL_F32, "F16": gguf.LlamaFileType.MOSTLY_F16,
                  "BF16": gguf.LlamaFileType.MOSTLY_BF16}
    for kind in spec.gguf:
        path = folder / f"{kind.lower()}.gguf"
        if kind in file_types:
            convert(folder / "float32", path, file_types[kind])
        else:
            quantize(folder / "f32.gguf", path, gguf.GGMLQuantizationType[kind], quantizer)
        state = state_from_gguf(spec, path)
        name = "float32"
        if kind != "F32" or spec.gguf_changes:
            name = f"gguf-{kind.lower()}"
            writer.reference(name, with_weights(spec, state, spec.gguf_changes))
        writer.checkpoint(path.name, "gguf", kind, name)
    if spec.split:
        convert(folder / "float32", folder / "split.gguf", file_types["F32"], split_max_tensors=8)
        first = min(folder.glob("split-*.gguf"))
        writer.checkpoint(first.name, "gguf", "F32", "float32")


def generate(out):
    torch.manual_seed(0)
    torch.set_num_threads(1)  # quicker for models this small
    quantizer = Quantizer()
    entries = []
    for spec in SPECS:
        print(spec.name, flush=True)
        (out / spec.name).mkdir()
        model = make_model(spec)
        writer = Writer(spec, out, make_sequences(spec, model))
        writer.reference("float32", model)
        write_safetensors(spec, model, out, writer)
        write_gguf(spec, out, writer, quantizer)
        entries.append(writer.entry())
    (out / "index.json").write_text(json.dumps({"models": entries}))


if __name__ == "__main__":
    golden.main(generate, inputs=[tiny_tokenizers.__file__, tiny_tokenizers.TEXT],
                packages=["transformers", "torch", "tokenizers", "sentencepiece"])

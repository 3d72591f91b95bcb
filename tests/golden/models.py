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
                oracle              transformers' class that gave the logits, or where else it is
                schedule            "any": however a sequence is cut into steps, the logits are the
                                    same; "steps": RoPE depends on the length so far, and these are
                                    the logits of one step a token; "whole": it depends on the length
                                    of the whole sequence, and these are those of one prefill;
                                    "prompt": attention looks ahead within the prompt, which has to
                                    be one step, and what follows may be cut as one likes
                routes              whether a router chooses experts
                sequences           [{tokens: [...], prompt: n}]: the first n tokens are the prompt,
                                    the rest, of models that generate, is transformers' greedy
                                    continuation of it (of "float32")
                references          {name: {logits: path,
                                    greedy: [[id, ...], ...], margins: [[x, ...], ...]}}, a list a
                                    sequence, an entry for each position from prompt - 1 on: the best
                                    next token, and by how much its logit beats the second best
                checkpoints         [{path, format: "safetensors" | "gguf", type, reference}]; type is
                                    that of the matrices, as GGUF spells it (F32, BF16, Q4_K, ...)
"""
import hashlib
import importlib
import json
import pathlib
import shutil
import zlib

import numpy as np
import torch
import transformers

import golden
import tiny_tokenizers
from families.spec import BASE
from gguf_forms import Quantizer, convert, gguf, quantize, rounded_state
from safetensors_forms import save_hf

HERE = pathlib.Path(__file__).parent

PROMPTS = (33, 11)  # lengths; the first is longer than every window and original context
CONTINUATION = 12

FAMILIES = sorted(path.stem for path in (HERE / "families").glob("*.py") if path.stem != "spec")


# --- models ----------------------------------------------------------------------------------


def oracle_of(model):
    """The class of transformers that a model is, or the file of its own class here."""
    for kind in type(model).__mro__:
        if kind.__module__.startswith("transformers.models."):
            return kind.__name__
    return f"tests/golden/{type(model).__module__.replace('.', '/')}.py"


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
    if spec.drawn and (values := spec.drawn(name, noise)) is not None:
        parameter.copy_(values)
    elif last in ("e_score_correction_bias", "sinks"):
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
        if spec.prompt is not None:
            tokens = spec.prompt(tokens)
        if spec.schedule in ("any", "prompt") and spec.generates:
            for _ in range(CONTINUATION):
                tokens.append(int(logits_of(model, tokens)[-1].argmax()))
        sequences.append({"tokens": tokens, "prompt": length})
    return sequences


# --- all of it --------------------------------------------------------------------------------


class Writer:
    """Collects what one model's entry in the index says."""

    def __init__(self, spec, out, sequences, oracle):
        self.spec, self.out, self.sequences, self.oracle = spec, out, sequences, oracle
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
        return {"name": self.spec.name, "family": self.spec.family, "oracle": self.oracle,
                "vocab_size": self.spec.full_config()["vocab_size"], "schedule": self.spec.schedule,
                "routes": any("experts" in key for key in self.spec.config),
                "sequences": self.sequences, "references": self.references,
                "checkpoints": self.checkpoints}


def round_constants(model):
    """Gemma multiplies by constants that it keeps in the weights' type."""
    for module in model.modules():
        for name in ("embed_scale", "per_layer_input_scale"):
            if hasattr(module, name):
                setattr(module, name, getattr(module, name).to(torch.bfloat16).float())
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
            writer = Writer(spec, out, make_sequences(spec, model), oracle_of(model))
            writer.reference("float32", model)
            write_safetensors(spec, model, out, writer, quantizer)
            write_gguf(spec, model, out, writer, quantizer)
            for write in spec.more:
                write(spec, model, out / spec.name, writer)
            entries.append(writer.entry())
            kept.write_text(json.dumps(entries[-1]))
            (out / spec.name / "key").write_text(key)
    (out / "index.json").write_text(json.dumps({"models": entries}))


COMMON_INPUTS = [__file__, HERE / "gguf_forms.py", HERE / "safetensors_forms.py",
                 HERE / "families/spec.py", HERE / "quantized_hf.py", tiny_tokenizers.__file__,
                 tiny_tokenizers.TEXT]

if __name__ == "__main__":
    golden.main(generate, inputs=[*COMMON_INPUTS,
                                  *(HERE / f"families/{family}.py" for family in FAMILIES)],
                packages=["transformers", "torch", "tokenizers", "sentencepiece"], reuse=True)

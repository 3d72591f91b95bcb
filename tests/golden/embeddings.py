"""Embeddings of tiny random models by transformers and numpy: what pooling and cutting should give.

Writes to DIR (golden.py):

    NAME/            a model in SafeTensors, float32, with a tokeniser
    NAME.gguf        the same, of those with GGUF below
    index.json       {models: [{name, hidden_size, pooling, normalize, sequences: [{tokens, last,
                     mean, cls, cut}]}]}: of the hidden states after the final norm, that of the last
                     token, the mean, that of the first token; and of the mean, the first CUT values,
                     normalised. Pooling, one of these three, and normalize: what the model's files
                     say, as sentence-transformers writes them; or the default, where there are none
"""
import importlib
import json
import pathlib
import zlib

import numpy as np
import torch

import golden
import models
from gguf_forms import convert, gguf
from safetensors_forms import save_hf

HERE = pathlib.Path(__file__).parent

# RMS norms with a tied head; windows and scaled embeddings; layer norms with biases; an encoder.
MODELS = {"llama_tied": "llama", "gemma3": "gemma", "gpt2": "older",
          "modern_bert_encoder": "modern_bert", "modern_bert_biases": "modern_bert"}
# What files say of some: pooling, and whether vectors are normalised.
SAID = {"gemma3": ("mean", True), "gpt2": ("cls", False), "modern_bert_encoder": ("cls", True)}
SILENT = {"llama_tied": ("last", True), "modern_bert_biases": ("mean", True)}
GGUF = ("modern_bert_encoder",)
KEYS = {"last": "pooling_mode_lasttoken", "mean": "pooling_mode_mean_tokens",
        "cls": "pooling_mode_cls_token"}
LENGTHS = (1, 21, 60)
CUT = 16


def pooled(hidden):
    mean = hidden.astype(np.float64).mean(0)
    cut = mean[:CUT] / np.linalg.norm(mean[:CUT])
    return {"last": hidden[-1].tolist(), "mean": mean.tolist(), "cls": hidden[0].tolist(),
            "cut": cut.tolist()}


def write_modules(folder, hidden_size, pooling, normalize):
    """The files of sentence-transformers, as version 3 saves them."""
    modules = ["Transformer", "Pooling", *["Normalize"] * normalize]
    (folder / "modules.json").write_text(json.dumps(
        [{"idx": i, "name": str(i), "path": f"{i}_{kind}" if i else "",
          "type": f"sentence_transformers.models.{kind}"} for i, kind in enumerate(modules)]))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps(
        {"word_embedding_dimension": hidden_size, "include_prompt": True,
         "pooling_mode_max_tokens": False} | {key: name == pooling for name, key in KEYS.items()}))


def generate(out):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    entries = []
    for name, family in MODELS.items():
        specs = importlib.import_module(f"families.{family}").SPECS
        spec = next(spec for spec in specs if spec.name == name)
        model = models.make_model(spec)
        save_hf(spec, model, "float32", out / name)
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        sequences = []
        for length in LENGTHS:
            tokens = rng.integers(4, spec.full_config()["vocab_size"], length).tolist()
            with torch.no_grad():
                states = model.base_model(torch.tensor([tokens]), use_cache=False)
            hidden = states.last_hidden_state[0].float().numpy()
            sequences.append({"tokens": tokens, **pooled(hidden)})
        pooling, normalize = (SAID | SILENT)[name]
        if name in SAID:
            write_modules(out / name, hidden.shape[-1], pooling, normalize)
        entry = {"name": name, "hidden_size": hidden.shape[-1], "pooling": pooling,
                 "normalize": normalize, "sequences": sequences}
        entries.append(entry)
        if name in GGUF:
            convert(spec, out / name, out / f"{name}.gguf", gguf.LlamaFileType.ALL_F32)
            entries.append(entry | {"name": f"{name}.gguf"})
    (out / "index.json").write_text(json.dumps({"models": entries}))


if __name__ == "__main__":
    families = [HERE / f"families/{family}.py" for family in sorted(set(MODELS.values()))]
    golden.main(generate, inputs=[*models.COMMON_INPUTS, *families],
                packages=["transformers", "torch", "tokenizers"])

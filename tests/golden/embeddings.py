"""Embeddings of tiny random models by transformers and numpy: what pooling and cutting should give.

Writes to DIR (golden.py):

    NAME/            a model in SafeTensors, float32, with a tokeniser
    index.json       {models: [{name, hidden_size, sequences: [{tokens, last, mean, cls, cut}]}]}: of
                     the hidden states after the final norm, that of the last token, the mean, that of
                     the first token; and of the mean, the first CUT values, normalised
"""
import importlib
import json
import pathlib
import zlib

import numpy as np
import torch

import golden
import models
from safetensors_forms import save_hf

HERE = pathlib.Path(__file__).parent

# RMS norms with a tied head; windows and scaled embeddings; layer norms with biases.
MODELS = {"llama_tied": "llama", "gemma3": "gemma", "gpt2": "older"}
LENGTHS = (1, 21, 60)
CUT = 16


def pooled(hidden):
    mean = hidden.astype(np.float64).mean(0)
    cut = mean[:CUT] / np.linalg.norm(mean[:CUT])
    return {"last": hidden[-1].tolist(), "mean": mean.tolist(), "cls": hidden[0].tolist(),
            "cut": cut.tolist()}


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
        entries.append({"name": name, "hidden_size": hidden.shape[-1], "sequences": sequences})
    (out / "index.json").write_text(json.dumps({"models": entries}))


if __name__ == "__main__":
    golden.main(generate, inputs=[*models.COMMON_INPUTS,
                                  *(HERE / f"families/{family}.py" for family in MODELS.values())],
                packages=["transformers", "torch", "tokenizers"])

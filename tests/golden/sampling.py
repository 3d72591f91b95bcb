"""What transformers' logits processors make of a row of logits.

Written: sampling.json, a list of {"name", "logits", "prompt", "generated", <parameters>,
"probabilities"}: after every processor of the case ran, the probability of each token (0 if cut).
"""
import json

import numpy as np
import torch
from transformers import LogitsProcessorList
from transformers.generation import logits_process as lp

import golden

VOCAB = 60


def frequency_and_presence(logits, generated, presence, frequency):
    """OpenAI's definition; transformers has none."""
    counts = torch.bincount(torch.tensor(generated, dtype=torch.long), minlength=VOCAB).float()
    return logits - presence * (counts > 0).float() - frequency * counts


CASES = {
    "plain": {},
    "temperature": dict(temperature=0.7),
    "hot": dict(temperature=3.5),
    "top_k": dict(top_k=5),
    "top_k of one": dict(top_k=1),
    "top_p": dict(top_p=0.6),
    "tiny top_p": dict(top_p=0.01),
    "min_p": dict(min_p=0.2),
    "typical": dict(typical_p=0.5),
    "repetition": dict(repetition_penalty=1.7),
    "penalties": dict(presence_penalty=0.9, frequency_penalty=0.4),
    "bias and bans": dict(logit_bias=[[3, 4.0], [7, -2.5]], bad_token_ids=[1, 5]),
    "allowed": dict(allowed_token_ids=[2, 9, 33]),
    "all": dict(temperature=0.8, top_k=20, typical_p=0.95, top_p=0.9, min_p=0.05,
                repetition_penalty=1.2, presence_penalty=0.3, frequency_penalty=0.2),
}


def process(case, logits, prompt, generated):
    row = logits.clone()[None]
    ids = torch.tensor([prompt + generated])
    if "allowed_token_ids" in case:
        mask = torch.full_like(row, float("-inf"))
        mask[0, case["allowed_token_ids"]] = 0
        row = row + mask
    for token, bias in case.get("logit_bias", []):
        row[0, token] += bias
    for token in case.get("bad_token_ids", []):
        row[0, token] = float("-inf")
    if "presence_penalty" in case:
        row = frequency_and_presence(row[0], generated, case["presence_penalty"],
                                     case["frequency_penalty"])[None]
    steps = LogitsProcessorList()
    if "repetition_penalty" in case:
        steps.append(lp.RepetitionPenaltyLogitsProcessor(case["repetition_penalty"]))
    if "temperature" in case:
        steps.append(lp.TemperatureLogitsWarper(case["temperature"]))
    if "top_k" in case:
        steps.append(lp.TopKLogitsWarper(case["top_k"]))
    if "typical_p" in case:
        steps.append(lp.TypicalLogitsWarper(case["typical_p"]))
    if "top_p" in case:
        steps.append(lp.TopPLogitsWarper(case["top_p"]))
    if "min_p" in case:
        steps.append(lp.MinPLogitsWarper(case["min_p"]))
    return torch.softmax(steps(ids, row)[0], -1)


def generate(out):
    rng = np.random.default_rng(7)
    cases = []
    for name, parameters in CASES.items():
        for trial in range(4):
            logits = torch.tensor(rng.normal(0, 2, VOCAB), dtype=torch.float32)
            prompt = rng.integers(0, VOCAB, 9).tolist()
            generated = rng.integers(0, VOCAB, 6).tolist()
            probabilities = process(parameters, logits, prompt, generated)
            cases.append({"name": f"{name} {trial}", "logits": logits.tolist(), "prompt": prompt,
                          "generated": generated, "parameters": parameters,
                          "probabilities": probabilities.tolist()})
    (out / "sampling.json").write_text(json.dumps(cases))


if __name__ == "__main__":
    golden.main(generate, packages=["transformers", "torch"])

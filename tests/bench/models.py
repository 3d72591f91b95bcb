"""The models of the comparison: what they are called, how each is measured, where they come from."""
import dataclasses
import sys

import environment
import make_model


@dataclasses.dataclass(frozen=True)
class Model:
    title: str
    prompt: int = 128  # tokens of each stream's prompt where streams decode
    generate: int = 32  # and how many each generates


MODELS = {
    "smollm2": Model("SmolLM2-135M Q4_1", generate=64),
    "gemma3": Model("Gemma 3 270M Q4_K_M", generate=64),
    "llama-1b-q4_k_m": Model("Llama-3.2-1B shape, Q4_K_M"),
    "llama-1b-q8_0": Model("Llama-3.2-1B shape, Q8_0"),
    "llama-1b-q6_k": Model("Llama-3.2-1B shape, Q6_K"),
    "llama-1b-q4_0": Model("Llama-3.2-1B shape, Q4_0"),
    "llama-1b-bf16": Model("Llama-3.2-1B shape, BF16"),
    "llama-8b-q4_k_m": Model("Llama-3.1-8B shape, Q4_K_M", prompt=32, generate=16),
    "qwen3-0.6b-q4_k_m": Model("Qwen3-0.6B shape, Q4_K_M"),
    "gemma3-1b-q4_k_m": Model("Gemma-3-1B shape, Q4_K_M"),
    "phi4-mini-q4_k_m": Model("Phi-4-mini shape, Q4_K_M"),
    "qwen3-moe-q4_k_m": Model("Qwen3-30B-A3B shape, 12 of 48 layers, Q4_K_M"),
    "deepseek-v2-lite-q4_k_m": Model("DeepSeek-V2-Lite shape, 12 of 27 layers, Q4_K_M"),
}

def path_of(name):
    """The model's file, fetched or made first where it is not there."""
    if name in ("smollm2", "gemma3"):
        return make_model.get_model(name)
    return make_model.make(name)


def main():
    """Fetches and makes the models named, or all."""
    for name in sys.argv[1:] or MODELS:
        print(path_of(name))


if __name__ == "__main__":
    environment.enter()
    main()

#!/usr/bin/env python3
"""Writes MODEL_SUPPORT.md from the registry and from what the golden tests compared.

    tools/model_support.py MODEL_TEST --write    runs the test, writes the page
    tools/model_support.py MODEL_TEST --check    runs the test, fails if the page is not what it says
"""
import argparse
import collections
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[1]
PAGE = SOURCE / "MODEL_SUPPORT.md"

# What models.py calls a family, and the architecture that serves it.
ALIASES = {"mistral": "llama", "ministral": "llama", "ministral3": "llama", "gemma3_text": "gemma3",
           "gemma3n_text": "gemma3n",
           "granitemoeshared": "granitemoe", "olmo3": "olmo2", "deepseek_v3": "deepseek_v2",
           "glm4_moe_lite": "deepseek_v2", "gpt_bigcode": "bigcode", "gptj": "gpt_j",
           "llama4_text": "llama4", "phimoe": "phi_moe", "deepseek": "deepseek_moe",
           "modernbert": "modern_bert", "mixtral": "llama"}

FORMATS = {"gguf": "GGUF", "safetensors": "SafeTensors"}

INTRODUCTION = """\
# Models

Written by `tools/model_support.py` from the registry (`models/registry.cc`) and from the results of
`tests/golden/model_test.cc`; a test fails when it is not current.

## Architectures

| architecture | Hugging Face names | GGUF name | devices | compared with |
|---|---|---|---|---|
"""

DETAILS = """
* **llama** covers Llama 1 to 3.3, Mistral with its sliding window, SmolLM and SmolLM2, Yi, CodeLlama,
  DeepSeek-LLM and the Llama distillations of R1, with every RoPE scaling: linear, dynamic, llama3, yarn,
  longrope; Ministral with windows on some layers, Ministral 3, and the text part of Mistral Small 3.1
  and its successors. GGUF files do not store the windows: there every layer sees everything.
* **gemma2** and **gemma3** (the text models and the text part of the others): GGUF does not store
  `query_pre_attn_scalar`; it is taken to be the head's width, but for the 27B models.
* **gemma3n** is the text part of Gemma 3n E2B and E4B. Tokens that stand for images and sound, which
  have no embedding for each layer, get that of the first token, as in transformers; in GGUF files they
  have one of zeros. Sparse gates use the population's standard deviation, as the original does;
  llama.cpp uses the sample's.
* **phi3** covers Phi-3, 3.5, 4 and Phi-4-mini. Skep applies the window that GGUF files store;
  llama.cpp does not.
* **starcoder2**: GGUF files do not store the window: there every layer sees everything.
* **cohere** covers Command-R, Command-R+ and Aya, whose context is `model_max_length` where a file has
  it; **cohere2** Command-R7B and Command-A. GGUF has no form for scaled RoPE and for a head of its own,
  and of cohere2 for biases and `layer_types`: there every fourth layer sees everything, without RoPE.
* **smollm3**: GGUF files do not store which layers have no RoPE: it is every fourth, without a window.
* **olmo2** covers OLMo 3 too. **olmoe**: GGUF files do not store `clip_qkv`.
* **glm** covers GLM-4-9B, and **chatglm** the same with ChatGLM2 and 3 and CodeGeeX4, under the names
  of the code that they were released with; GGUF has one name for all. GGUF files made from the former
  keep the latter's defaults for the norms' epsilon (1e-5), the context (the hidden size) and RoPE's
  base (10000).
* **chatglm** also covers the first ChatGLM-6B, without its own quantised releases and without tuned
  prefixes. No library has it any more: the oracle is a model of some 100 lines beside its tests. A
  prompt without the start token is read as if the answer began behind it, one without `[MASK]` or
  `[gMASK]` as if the last token before the answer were it. Its tokenizer, `ice_text.model` with rules of
  its own for blanks and line ends, is not among those that Skep reads.
* **modern_bert** is an encoder: it gives hidden states, and for `ModernBertForMaskedLM` the scores of
  tokens at every place; heads that classify are refused. GGUF files keep the encoder alone. Skep uses
  the exact GELU, llama.cpp its tanh approximation.
* How embeddings are made by default is read from `modules.json` of sentence-transformers and the
  configuration of its pooling module (`mean`, `cls` and `lasttoken`; vectors have the length 1 where there
  is a `Normalize` module), and from GGUF's `pooling_type`. Models with other modes or modules, such as
  `Dense`, are refused.
* **modern_bert** and the first ChatGLM look ahead within a prompt: it is read in one step, so
  `--max-batch-tokens` bounds its length.
* **glm4_moe** (GLM-4.5, 4.6): layers for multi-token prediction are left out.
* **granite**, **granitemoe**: with all four multipliers, and the expert that every token goes to.
* **deepseek_v2** covers DeepSeek V2, V2-Lite, Coder-V2, V3 and R1, Kimi-K2 and GLM-4.7-Flash. The cache
  holds latents, never expanded keys and values. Where llama.cpp computes something else than the
  original, Skep follows the original: the norms of latents have an epsilon of 1e-6 whatever the others
  have, and V2 ranks groups of experts by their best one, not by the sum of the two best. GGUF files
  made before there were keys for groups get those of the released V2 and V3; files with an unsplit
  `attn_kv_b` load, the part that expands keys as float32 where it is quantised. The layers behind the
  last one, which guess tokens further ahead (MTP), are not used.
* **gpt_oss** reads the released MXFP4 experts as they are, and keeps YaRN's bounds as fractions, for
  GGUF files too; llama.cpp rounds them.
* **llama4** is the text part. GGUF does not store the size of chunks, how queries are scaled where there
  is no RoPE, nor whether q and k are normed: the released models' values are used.
* **phi_moe** norms with means taken out and chooses experts by SparseMixer, as the original; llama.cpp has
  RMS norms and a plain softmax. Beyond the original context it takes LongRoPE's long factors, as the
  released code does; transformers 5.23 takes the short ones. GGUF stores neither the noise threshold nor
  the magnitude: the released model's are used.
* **deepseek_moe** is DeepSeekMoE 16B (V1). The oracle is transformers' Llama with the mixture of DeepSeek
  V2.
* **falcon**, **gpt_neox** and **mpt** use the exact GELU; llama.cpp its tanh approximation. Falcon-RW's
  ALiBi slopes are rounded to BF16 as in the original, but not their products with positions, which there
  lose the difference of neighbouring positions beyond a few hundred.
* **bigcode** has no GGUF form with a key-value head for each query head, and **gpt_j** and Falcon-RW have
  none at all.
* Dynamic RoPE scaling follows transformers' step-by-step decoding: a key is turned by the angle that
  holds for a sequence which ends there, so that cached keys stay comparable. LongRoPE chooses between
  its lists of factors by the context length that the server allows, once. A factor that replaces YaRN's
  usual one (`attention_factor`) counts in GGUF files too (`yarn_attn_factor`); llama.cpp does not read it.
* GGUF files may hold gate and up of all experts in one tensor (`ffn_gate_up_exps`), in every family.
* Of checkpoints that are quantised in a Hugging Face scheme (`quantization_config`) these are read, for
  every architecture: **GPTQ** (2, 3, 4 and 8 bits, `gptq` and `gptq_v2`, with and without act-order),
  **AWQ** (4 bits, `gemm`), **compressed-tensors** (`pack-quantized` of 2 to 8 bits,
  `int-quantized`, `float-quantized`, `nvfp4-pack-quantized`, `mxfp4-pack-quantized`, mixed),
  **ModelOpt** (FP8, NVFP4), **FP8** (`fp8`, `fbgemm_fp8`, Quark's; scales of a tensor, of rows or of
  blocks, F8_E8M0 too, experts stacked or not) and gpt-oss's **MXFP4**. Integers of 4 bits run at 4.5 bits a weight,
  with zero points at 5.5, FP4 at its own size; FP8 becomes bfloat16 when it is loaded. What is lost, if
  anything: [docs/ARCHITECTURE.md](docs/ARCHITECTURE.md#models). Static scales of activations and of the
  cache are not used. Others (bitsandbytes, Marlin's layouts, AWQ's GEMV, sparse or rotated
  compressed-tensors ...) are refused with a message that names them.

## What is compared

Tiny random models with every parameter redrawn, run by transformers 5.23.0 in float32 from the very
values that the file holds: whole prompts, several chunkings, single steps, ragged batches. The fused
kernels agree with it to 1e-5 (root mean square), or, for the types whose kernels round activations to
8 bits, to 4 %; the reference operations to 1e-4 of the logits' range in every case. Tests also hold
that the fused kernels' logits have the same bits however a sequence is cut into steps (after the
prompt, where attention looks ahead). Of an encoder without a head, the products of its hidden states
with the embedding table are compared. What is compared with is a class of transformers, unless a file
is named.

The differences below bound the largest that was seen of the fused kernels: the root mean square, as a
part of that of the logits, for the type and the model that is furthest off, rounded up; of types that
are multiplied in float32, and of those whose kernels round activations to 8 bits. Where a router chooses
experts, the latter leave a quarter of the tokens out: those may go to another expert. Types that some
processors round to bfloat16 are in neither column.

| architecture | format | types of the matrices | float32 | 8 bits |
|---|---|---|---|---|
"""

CLOSING = """
Every quantised type has kernels with integer dot products, on activations rounded to 8 bits; F32 and F16
multiply in float32, and so does BF16, but for AMD's processors with AVX512-BF16, where activations are
rounded to it (within 1.4 % then). Every block type of GGUF is decoded bit for bit as the gguf package does
it (`dequantize_test`), Q1_0 and Q2_0 too, for which there is no model in the table.

The real model of the tests is SmolLM2-135M-Instruct in Q4_1: its greedy continuations and its perplexity
are compared with llama.cpp's on the same file.
"""

FULL_SIZE_INTRODUCTION = """
## What was served at full size

Correct on small weights is one thing, and having run at full size another: these were measured whole,
figures and machine in docs/PERFORMANCE.md. A shape has the tensors of the published model, and random
values.

| architecture | model | device |
|---|---|---|
"""

# The beginnings of docs/PERFORMANCE.md's headings.
FULL_SIZE = {
    "SmolLM2-135M": "llama", "Llama-": "llama", "Gemma 3 270M": "gemma3", "Gemma-3-1B": "gemma3",
    "Qwen3-0.6B": "qwen3", "Qwen3-30B-A3B": "qwen3_moe", "Phi-4-mini": "phi3",
    "DeepSeek-V2-Lite": "deepseek_v2",
}

TEXT = """
## Tokenizers and chat templates

| read from | kinds |
|---|---|
| `tokenizer.json` | BPE, Unigram, WordPiece, WordLevel, with every normalizer, pre-tokenizer, post-processor and decoder |
| GGUF | gpt2, gemma4, llama, t5, bert, rwkv; `tokenizer.huggingface.json` where a file has it |
| `tokenizer.model` | SentencePiece BPE and unigram; `tekken.json`; tiktoken ranks |
| other files | `vocab.json` with `merges.txt`, `vocab.txt`, RWKV's World vocabulary |

Where llama.cpp and the model's own tokenizer differ, Skep follows the model's own: tekken, gpt-4o and
similar patterns use Unicode's case and marks; the digits of cohere2moe and tiny_aya use the original
pattern; Gemma 4's text is not cut at newlines; a BERT word of more than 100 characters is unknown;
`<mask>` (Roberta) and ModernBERT's `[MASK]` take the white space before them along; t5 runs through
SentencePiece, so no space follows a user-defined piece; `</s>` in Qwen and Gemma 4 is text. GGUF files
keep no NFC normalisation: text that is not in NFC can give other ids than the model's `tokenizer.json`.

From all of these but RWKV's World vocabulary a `tokenizer.json` can be written that Hugging Face's
library reads with the same results. That library has no model that takes the longest piece which fits,
byte for byte, so RWKV's is refused. Of SentencePiece models the library differs in two things: a
precompiled charsmap is applied by grapheme clusters there, and a text that is exactly one user-defined
piece of a BPE model gets no space before it.
A `tokenizer.json` that gives one id to two pieces is refused: the library decodes it to either, by chance.

Chat templates run in a Jinja engine that gives what Hugging Face's environment gives (the tests compare
70 templates that models ship). Special tokens in messages stay text unless a request asks otherwise
(`parse_special_tokens`).
"""


def results(test):
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "results.json"
        subprocess.run([test, f"--gtest_output=json:{output}",
                        "--gtest_filter=Registry.*:FusedOps.GiveTransformers*"],
                       check=True, stdout=subprocess.DEVNULL)
        suites = json.loads(output.read_text())["testsuites"]
    return {key: value for suite in suites for case in suite["testsuite"]
            for key, value in case.items()}


def bounds_of(text):
    """{(architecture, format, arithmetic): bound as written} of a page."""
    rows = re.findall(r"^\| (\w+) \| (GGUF|SafeTensors) \| [^|]* \| ([^|]*) \| ([^|]*) \|$", text, re.M)
    return {(name, file_format, arithmetic): written for name, file_format, *both in rows
            for arithmetic, written in zip(("float", "int8"), both)}


def bound(place, measured, written):
    """A bound on a difference that was measured, with room for other processors: those in float32 were
    up to 1.28 times as large there, those of rounded activations 1.005 times. What is `written` stays
    as long as it holds and is no more than five times too large, so that none of them changes it."""
    if measured is None:
        return ""
    percent = place[-1] == "int8"
    if written:
        value = float(written.removesuffix(" %")) / (100 if percent else 1)
        if measured <= value <= 5 * measured:
            return written
    if percent:
        return f"{math.ceil(103 * measured)} %"
    wide = 1.4 * measured
    unit = math.floor(math.log10(wide))
    return f"{math.ceil(wide / 10.0**unit) * 10.0**unit:.0e}".replace("e-0", "e-")


def full_size():
    """The models that docs/PERFORMANCE.md has figures of, a row of the table each."""
    report = (SOURCE / "docs/PERFORMANCE.md").read_text()
    offline = report.partition("<!-- begin: tests/bench/compare.py -->")[2]
    offline = offline.partition("<!-- end: tests/bench/compare.py -->")[0].strip()
    processor = offline.partition(",")[0]
    for title in re.findall(r"^### (.+)$", offline, re.MULTILINE):
        architecture = next((name for start, name in FULL_SIZE.items() if title.startswith(start)), None)
        if architecture is None:
            sys.exit(f"tools/model_support.py: FULL_SIZE does not know the model '{title}'")
        yield f"| {architecture} | {title} | CPU ({processor}) |"


def page(properties, before):
    lines, compared = [], collections.defaultdict(list)
    oracles, differences = collections.defaultdict(set), {}
    for key, value in properties.items():
        if key.startswith("checkpoint "):
            family, file_format, kind, outcome, oracle, arithmetic, difference = value.split("|")
            if outcome != "passed":
                sys.exit(f"{key} failed: the page would not be true")
            family, file_format = ALIASES.get(family, family), FORMATS[file_format]
            row = compared[family, file_format]
            if kind not in row:
                row.append(kind)
            oracles[family].add(oracle)
            place = family, file_format, arithmetic
            differences[place] = max(differences.get(place, 0), float(difference))
    architectures = [value for key, value in properties.items() if key.startswith("architecture ")]
    for architecture in sorted(architectures):
        name, rest = architecture.split(" (", 1)
        names, gguf = rest.rstrip(")").split("; gguf: ")
        lines.append(f"| {name} | {names} | {gguf} | CPU | {', '.join(sorted(oracles[name]))} |")
    rows, written = [], bounds_of(before)
    for place, kinds in sorted(compared.items()):
        both = [bound(key, differences.get(key), written.get(key))
                for key in ((*place, "float"), (*place, "int8"))]
        rows.append(f"| {' | '.join([*place, ' '.join(kinds), *both])} |")
    return INTRODUCTION + "\n".join(lines) + "\n" + DETAILS + "\n".join(rows) + "\n" + CLOSING \
        + FULL_SIZE_INTRODUCTION + "\n".join(sorted(full_size())) + "\n" + TEXT


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("test", help="the model_test executable")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("SKEP_GOLDEN_DIR", str(
        pathlib.Path(os.environ.get("SKEP_CACHE_DIR", pathlib.Path.home() / ".cache/skep")) / "golden"))
    text = page(results(arguments.test), PAGE.read_text())
    if arguments.write:
        PAGE.write_text(text)
    if arguments.check and PAGE.read_text() != text:
        sys.exit("MODEL_SUPPORT.md is not current: run tools/model_support.py MODEL_TEST --write")


if __name__ == "__main__":
    main()

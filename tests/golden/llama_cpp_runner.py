"""Runs a GGUF model in llama.cpp, through the bindings of the llama-cpp-python source and the
library that tools/setup builds from it."""
import ctypes
import os
import sys
import types

import numpy as np

import golden


def _bindings():
    # The package's own __init__ imports its high-level API and what that needs; the plain ctypes
    # module is enough here.
    os.environ["LLAMA_CPP_LIB_PATH"] = str(golden.CACHE / "llama.cpp/build/bin")
    package = types.ModuleType("llama_cpp")
    package.__path__ = [str(golden.CACHE / "llama.cpp/llama_cpp")]
    sys.modules["llama_cpp"] = package
    import llama_cpp.llama_cpp as bindings
    bindings.llama_log_set(_silent, ctypes.c_void_p(0))
    bindings.llama_backend_init()
    return bindings


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def _silent(level, text, data):
    pass


def log_softmax(logits):
    """Of the last axis, in float64."""
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


class Runner:
    """One model and one sequence. Not for several threads."""

    _llama = None

    def __init__(self, path, context=1024, threads=2, float_cache=False):
        """`float_cache`: keys and values are kept in 32 bits, not 16."""
        Runner._llama = Runner._llama or _bindings()
        llama = self._llama
        self._model = llama.llama_model_load_from_file(
            str(path).encode(), llama.llama_model_default_params())
        if not self._model:
            raise ValueError(f"llama.cpp cannot load {path}")
        params = llama.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = context
        params.n_threads = params.n_threads_batch = threads
        if float_cache:
            params.type_k = params.type_v = 0  # GGML_TYPE_F32
        self._context = llama.llama_init_from_model(self._model, params)
        self._vocab = llama.llama_model_get_vocab(self._model)
        self.vocab_size = llama.llama_vocab_n_tokens(self._vocab)
        # What texts begin with, None if with nothing.
        self.bos = llama.llama_vocab_bos(self._vocab) if llama.llama_vocab_get_add_bos(self._vocab) else None

    def close(self):
        """Gives back the memory; the runner cannot be used again."""
        self._llama.llama_free(self._context)
        self._llama.llama_model_free(self._model)

    def tokenize(self, text, add_special=True):
        data = text.encode()
        ids = (ctypes.c_int32 * (len(data) + 8))()
        count = self._llama.llama_tokenize(self._vocab, data, len(data), ids, len(ids),
                                           add_special, True)
        return list(ids[:count])

    def restart(self):
        self._llama.llama_memory_clear(self._llama.llama_get_memory(self._context), True)
        self._position = 0

    def logits(self, tokens, first=0):
        """Appends the tokens to the sequence: logits after each of them from number `first` on,
        [tokens - first, vocab]."""
        llama = self._llama
        batch = llama.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = self._position + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = i >= first
        status = llama.llama_decode(self._context, batch)
        llama.llama_batch_free(batch)
        if status:
            raise RuntimeError(f"llama_decode: {status}")
        self._position += len(tokens)
        rows = llama.llama_get_logits(self._context)
        return np.ctypeslib.as_array(rows, (len(tokens) - first, self.vocab_size)).copy()

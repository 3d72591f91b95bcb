"""Writes the seeds of the fuzz targets, corpus/TARGET/NAME. Small vocabularies are trained on the
tests' book, where ties fall as they may: those change a little each time. All else is written here.

    make_corpus.py            inputs that found bugs, regression_*, stay as they are
"""
from seed_files import CORPUS
from seed_texts import write_texts
from seed_tokenizers import charsmap, write_tokenizers
from seed_vocabularies import write_gguf_vocabularies, write_vocabulary_files
from seed_weights import write_configs, write_gguf, write_safetensors


def main():
    map_bytes = charsmap()
    write_gguf()
    write_safetensors()
    write_configs()
    write_texts()
    write_tokenizers(map_bytes)
    write_gguf_vocabularies(map_bytes)
    write_vocabulary_files()
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    print(f"{len(files)} inputs, {sum(path.stat().st_size for path in files)} bytes")


main()

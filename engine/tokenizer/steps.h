// Counts the work that tokenizing takes, so that tests can assert its growth without a clock.
#ifndef SKEP_ENGINE_TOKENIZER_STEPS_H_
#define SKEP_ENGINE_TOKENIZER_STEPS_H_

#include <cstdint>

namespace skep::engine::tokenizer {

// Of this thread since its start. A step is one character looked at by a scanner, one pair looked
// up or one entry of a queue moved by a merging model, one way considered by Unigram.
inline thread_local uint64_t steps_of_this_thread = 0;

inline void CountSteps(uint64_t steps) { steps_of_this_thread += steps; }

}  // namespace skep::engine::tokenizer

#endif  // SKEP_ENGINE_TOKENIZER_STEPS_H_

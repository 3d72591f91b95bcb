// What fuzz targets say about a property that must hold, whatever the input.
#ifndef SKEP_TESTS_FUZZ_REQUIRE_H_
#define SKEP_TESTS_FUZZ_REQUIRE_H_

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace skep::fuzz {

// Ends the program, as a sanitizer would, unless `holds`. `property` is a sentence.
inline void Require(bool holds, std::string_view property, const char* file = __builtin_FILE(),
                    int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: this does not hold: %.*s\n", file, line,
               static_cast<int>(property.size()), property.data());
  std::abort();
}

}  // namespace skep::fuzz

#endif  // SKEP_TESTS_FUZZ_REQUIRE_H_

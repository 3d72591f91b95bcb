// Where golden data lies: tests that read it run with SKEP_GOLDEN_DIR.
#ifndef SKEP_TESTS_GOLDEN_GOLDEN_PATH_H_
#define SKEP_TESTS_GOLDEN_GOLDEN_PATH_H_

#include <cstdlib>
#include <string>

namespace skep {

// The path of `name` in it.
inline std::string GoldenPath(const std::string& name) {
  const char* const folder = std::getenv("SKEP_GOLDEN_DIR");
  return std::string(folder == nullptr ? "SKEP_GOLDEN_DIR is not set" : folder) + "/" + name;
}

}  // namespace skep

#endif  // SKEP_TESTS_GOLDEN_GOLDEN_PATH_H_

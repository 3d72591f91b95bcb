// Where tests find golden data, and what else tools/setup keeps. They run with SKEP_GOLDEN_DIR and
// SKEP_CACHE_DIR; a test without them fails.
#ifndef SKEP_TESTS_GOLDEN_GOLDEN_PATH_H_
#define SKEP_TESTS_GOLDEN_GOLDEN_PATH_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace skep {

inline std::string PathIn(const char* variable, const std::string& name) {
  const char* const folder = std::getenv(variable);
  EXPECT_NE(folder, nullptr) << variable << " is not set";
  return (folder == nullptr ? "" : folder + std::string("/")) + name;
}

inline std::string GoldenPath(const std::string& name) { return PathIn("SKEP_GOLDEN_DIR", name); }
inline std::string CachePath(const std::string& name) { return PathIn("SKEP_CACHE_DIR", name); }

}  // namespace skep

#endif  // SKEP_TESTS_GOLDEN_GOLDEN_PATH_H_

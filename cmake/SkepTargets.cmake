# How Skep's libraries are declared, so that the dependency rules of docs/ARCHITECTURE.md hold by
# construction: a target sees only the headers of the targets it links. Every library stages its own
# headers, under the path by which sources include them, in a folder of the build tree that it alone
# exports. tools/check_layering.py, run by every build, guards the system headers the same way.

# -pthread for all: what is compiled with it cannot share precompiled headers with what is not.
add_compile_options(-Wall -Wextra -Wno-missing-field-initializers -fno-omit-frame-pointer -pthread)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Below half a GiB the compiler's garbage is not worth collecting: that takes a tenth of its time.
  add_compile_options("SHELL:--param ggc-min-heapsize=524288")
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms inside std::string (GCC bug 105651) and std::optional, gone in GCC 13; the last two
  # come with precompiled headers.
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized -Wno-array-bounds
                      -Wno-stringop-overflow)
endif()
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options(-fno-plt)
endif()
if(SKEP_SANITIZE)
  add_compile_options(-fsanitize=${SKEP_SANITIZE} -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${SKEP_SANITIZE})
  if(SKEP_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=null)  # "address" stops there too, and compiles faster
  endif()
  add_compile_definitions(SKEP_SANITIZED)
endif()

# skep_precompile(TARGET BASE <name> TYPE <type> HEADERS ... [LINK ...] [OPTIONS ...]): what most
# sources include of other projects, compiled once, into the target BASE, which takes the options with
# which TARGET is compiled. Saves a third of a build. Not in the preset debug, where every source
# stands on the includes that it names; nor for clang-tidy (tools/check_tidy.py), so that it finds
# what a source forgot.
function(skep_precompile target)
  cmake_parse_arguments(ARG "" "BASE;TYPE" "HEADERS;LINK;OPTIONS" ${ARGN})
  if(CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT SKEP_SANITIZE)
    return()
  endif()
  if(NOT TARGET ${ARG_BASE})
    file(WRITE ${CMAKE_BINARY_DIR}/${ARG_BASE}.cc "int main() {}\n")
    # Of position-independent code both, but not of the same kind.
    if(ARG_TYPE STREQUAL "EXECUTABLE")
      add_executable(${ARG_BASE} ${CMAKE_BINARY_DIR}/${ARG_BASE}.cc)
    else()
      add_library(${ARG_BASE} ${ARG_TYPE} ${CMAKE_BINARY_DIR}/${ARG_BASE}.cc)
    endif()
    target_link_libraries(${ARG_BASE} PRIVATE ${ARG_LINK})
    target_compile_options(${ARG_BASE} PRIVATE ${ARG_OPTIONS})
    target_precompile_headers(${ARG_BASE} PRIVATE ${ARG_HEADERS})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${ARG_BASE})
endfunction()

set(SKEP_COMMON_HEADERS
  <algorithm> <functional> <map> <memory> <optional> <string> <string_view> <vector>
  <absl/container/flat_hash_map.h> <absl/status/statusor.h> <absl/strings/str_cat.h>
  <absl/strings/str_format.h> <absl/strings/str_join.h> <absl/synchronization/mutex.h>
  <absl/time/time.h> <absl/types/span.h> <nlohmann/json.hpp>)

# skep_add_library(NAME SOURCES ... HEADERS <paths below the source root>... PUBLIC <libs> PRIVATE <libs>)
# Under sanitizers only the tests count: what none of them links is not built.
function(skep_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;PUBLIC;PRIVATE" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    if(SKEP_SANITIZE)
      set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
    skep_precompile(${name} BASE skep_precompiled TYPE OBJECT HEADERS ${SKEP_COMMON_HEADERS})
    set(scope PUBLIC)
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  set(stage ${CMAKE_BINARY_DIR}/include/${name})
  foreach(path IN LISTS ARG_HEADERS)
    get_filename_component(parent ${path} DIRECTORY)
    file(MAKE_DIRECTORY ${stage}/${parent})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${path} ${stage}/${path} SYMBOLIC)
  endforeach()
  target_include_directories(${name} ${scope} ${stage})
  target_link_libraries(${name} ${scope} ${ARG_PUBLIC})
  if(ARG_PRIVATE)
    target_link_libraries(${name} PRIVATE ${ARG_PRIVATE})
  endif()
endfunction()

# skep_add_test(NAME [THREADED] SOURCES ... LINK ... [GOLDEN <names>] [ARGS ...] [LABELS ...]
#               [TIMEOUT s] [COST s])
# GOLDEN names data sets declared with skep_add_golden; the test finds them below $SKEP_GOLDEN_DIR.
# COST is about how long it lasts, for those that last: ctest starts the longest first.
# Under the thread sanitizer there are only the THREADED tests: what runs on one thread has no races.
function(skep_add_test name)
  cmake_parse_arguments(ARG "THREADED" "TIMEOUT;COST" "SOURCES;LINK;GOLDEN;ARGS;LABELS" ${ARGN})
  if(SKEP_SANITIZE MATCHES "thread" AND NOT ARG_THREADED)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  # Tests may share fixtures: "tests/unit/engine/engine_fixture.h".
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include/all_tests)
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/tests ${CMAKE_BINARY_DIR}/include/all_tests/tests SYMBOLIC)
  target_include_directories(${name} PRIVATE ${CMAKE_BINARY_DIR}/include/all_tests)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  # Their libraries do the work.
  set(options $<$<CONFIG:Release,RelWithDebInfo>:-O1>)
  target_compile_options(${name} PRIVATE ${options})
  skep_precompile(${name} BASE skep_precompiled_tests TYPE EXECUTABLE OPTIONS ${options}
    HEADERS ${SKEP_COMMON_HEADERS} <gmock/gmock.h> <gtest/gtest.h> LINK GTest::gtest GTest::gmock)
  add_test(NAME ${name} COMMAND ${name} ${ARG_ARGS})
  set_tests_properties(${name} PROPERTIES
    ENVIRONMENT "SKEP_GOLDEN_DIR=${SKEP_CACHE_DIR}/golden;SKEP_CACHE_DIR=${SKEP_CACHE_DIR};SKEP_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
  foreach(property TIMEOUT COST)
    if(ARG_${property})
      set_tests_properties(${name} PROPERTIES ${property} ${ARG_${property}})
    endif()
  endforeach()
  if(ARG_GOLDEN)
    set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED "${ARG_GOLDEN}")
  endif()
  if(ARG_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
  endif()
endfunction()

# skep_add_golden(NAME SCRIPT [COST s]): the data set NAME, written by a Python script from pinned
# references when a test first needs it and kept in the cache until the script or its inputs change.
function(skep_add_golden name script)
  cmake_parse_arguments(ARG "" "COST" "" ${ARGN})
  if(SKEP_SANITIZE MATCHES "thread")
    return()  # no THREADED test reads any
  endif()
  add_test(NAME golden_${name}
           COMMAND ${SKEP_PYTHON} ${script} --out ${SKEP_CACHE_DIR}/golden/${name})
  # One thread each: two that wait for each other while ctest runs something beside them only spin.
  set_tests_properties(golden_${name} PROPERTIES FIXTURES_SETUP ${name} TIMEOUT 900 COST "${ARG_COST}"
    ENVIRONMENT "SKEP_CACHE_DIR=${SKEP_CACHE_DIR};PYTHONPATH=${CMAKE_SOURCE_DIR}/tests/golden;OMP_NUM_THREADS=1")
endfunction()

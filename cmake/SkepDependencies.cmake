# Third-party libraries. Debian's packages, except libtorch (the PyPI wheel) and sentencepiece
# (built from its source distribution by tools/setup).

find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

if(SKEP_TESTS)
  find_package(GTest REQUIRED)
endif()

# RE2 and PCRE2 run the regular expressions of tokenisers; sentencepiece reads tokenizer.model.
find_package(PkgConfig REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)

set(SKEP_SENTENCEPIECE_DIR "${SKEP_CACHE_DIR}/sentencepiece" CACHE PATH
    "where tools/setup installed sentencepiece")
find_library(SKEP_SENTENCEPIECE_LIBRARY sentencepiece PATHS ${SKEP_SENTENCEPIECE_DIR}/lib
             NO_DEFAULT_PATH REQUIRED)
find_package(Protobuf REQUIRED)
add_library(skep_sentencepiece INTERFACE)
target_include_directories(skep_sentencepiece SYSTEM INTERFACE ${SKEP_SENTENCEPIECE_DIR}/include)
target_link_libraries(skep_sentencepiece INTERFACE ${SKEP_SENTENCEPIECE_LIBRARY} protobuf::libprotobuf)

# libtorch: the CPU part of the wheel. Its include folder also holds old copies of protobuf, fmt and
# others, so it comes after every other include path.
if(SKEP_MODELS)
  if(NOT SKEP_TORCH_DIR)
    file(GLOB torch_dirs ${SKEP_CACHE_DIR}/venv/lib/python3*/site-packages/torch)
    list(APPEND torch_dirs "")
    list(GET torch_dirs 0 torch_dir)
    set(SKEP_TORCH_DIR "${torch_dir}" CACHE PATH "the torch folder of the wheel")
  endif()
  if(NOT EXISTS ${SKEP_TORCH_DIR}/lib/libtorch_cpu.so)
    message(FATAL_ERROR "libtorch not found (SKEP_TORCH_DIR='${SKEP_TORCH_DIR}'): run tools/setup")
  endif()
  add_library(skep_torch INTERFACE)
  target_compile_options(skep_torch INTERFACE "SHELL:-idirafter ${SKEP_TORCH_DIR}/include")
  file(GLOB cuda_stub_dirs ${SKEP_TORCH_DIR}/../nvidia/*/lib)
  set(rpath_links "")
  foreach(dir IN LISTS cuda_stub_dirs)
    list(APPEND rpath_links "LINKER:-rpath-link,${dir}")
  endforeach()
  target_link_options(skep_torch INTERFACE ${rpath_links})
  target_link_libraries(skep_torch INTERFACE
    ${SKEP_TORCH_DIR}/lib/libtorch_cpu.so ${SKEP_TORCH_DIR}/lib/libc10.so)
  set(CMAKE_BUILD_RPATH ${SKEP_TORCH_DIR}/lib)
endif()

if(SKEP_SERVER)
  find_package(gRPC CONFIG REQUIRED)
  find_package(OpenSSL REQUIRED)
  find_package(prometheus-cpp CONFIG REQUIRED)
  find_package(CLI11 REQUIRED)
  find_package(spdlog REQUIRED)
endif()

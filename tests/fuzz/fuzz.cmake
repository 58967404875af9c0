# SPDX-License-Identifier: Apache-2.0
# What reads bytes from strangers, under any bytes. With libFuzzer in scripts/fuzz; else a driver that takes the
# seeds, and what was found, as they are and a little mutated: a short walk in every run of the tests.
option(MESHCA_FUZZ "Fuzz targets with libFuzzer (clang); only scripts/fuzz sets it" OFF)

function(meshca_fuzz name)
  set(sources ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${name}.c)
  if(NOT MESHCA_FUZZ)
    list(APPEND sources ${CMAKE_SOURCE_DIR}/tests/fuzz/driver.c)
  endif()
  add_executable(fuzz_${name} ${sources})
  target_compile_definitions(fuzz_${name} PRIVATE _GNU_SOURCE)
  target_link_libraries(fuzz_${name} PRIVATE meshca_warnings meshca_hardening ${ARGN})
  if(MESHCA_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  endif()
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  file(GLOB seeds ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name}/*)
  add_test(NAME fuzz/${name} COMMAND fuzz_${name} 1000 ${seeds})
  set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 60)
endfunction()

meshca_fuzz(csr mc_ca)
meshca_fuzz(jwt mc_api)
meshca_fuzz(request mc_api)
meshca_fuzz(http mc_api)
meshca_fuzz(yaml mc_base)
meshca_fuzz(chan mc_base)
meshca_fuzz(enc mc_base)

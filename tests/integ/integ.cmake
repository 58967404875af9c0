# SPDX-License-Identifier: Apache-2.0
# The real daemon. One process tree at a time: the timing of one must not starve another.
function(meshca_integ name)
  add_test(NAME integ/${name}
    COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/integ/test_${name}.py)
  set_tests_properties(integ/${name} PROPERTIES TIMEOUT 240 RUN_SERIAL TRUE
    ENVIRONMENT "MESHCA_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endfunction()

foreach(name smoke supervisor grpc rest crash isolation)
  if(EXISTS ${CMAKE_SOURCE_DIR}/tests/integ/test_${name}.py)
    meshca_integ(${name})
  endif()
endforeach()

# Real clients. Without a Go toolchain the tier does not exist and scripts/test says so.
find_program(GO_PROGRAM go)
option(MESHCA_INTEROP "Interop tests with Istio's own agent code (Go)" OFF)
if(MESHCA_INTEROP)
  if(NOT GO_PROGRAM)
    message(FATAL_ERROR "MESHCA_INTEROP is on and there is no `go` on PATH")
  endif()
  add_test(NAME interop/istio
    COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/interop/run.py)
  set_tests_properties(interop/istio PROPERTIES TIMEOUT 600 RUN_SERIAL TRUE
    ENVIRONMENT "MESHCA_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endif()

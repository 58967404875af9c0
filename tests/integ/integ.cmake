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

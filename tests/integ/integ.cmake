# SPDX-License-Identifier: Apache-2.0
# The real daemon. Ports are each test's own, so two may run at a time; those that kill, step clocks or hold a
# stopwatch to the daemon run alone.
set(alone supervisor crash clock)
function(meshca_integ name)
  add_test(NAME integ/${name}
    COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/integ/test_${name}.py)
  set_tests_properties(integ/${name} PROPERTIES TIMEOUT 480 COST 50
    ENVIRONMENT "MESHCA_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  if(name IN_LIST alone)
    set_tests_properties(integ/${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()

set(integ_names smoke supervisor grpc rest crash disk isolation cli_grpc cli clock changes inventory manifests registration stolen_front hostile_network)
if(NOT MESHCA_SANITIZE) # scripts, not C; and what is preloaded
  list(APPEND integ_names run crash_points)
endif()
foreach(name ${integ_names})
  if(EXISTS ${CMAKE_SOURCE_DIR}/tests/integ/test_${name}.py)
    meshca_integ(${name})
  endif()
endforeach()

# The longest begin first, so that no core waits for one of them at the end.
set(integ_longest registration changes stolen_front cli crash_points rest run grpc)
foreach(name ${integ_longest})
  list(FIND integ_longest ${name} place)
  math(EXPR cost "100 - ${place}")
  if(TEST integ/${name})
    set_tests_properties(integ/${name} PROPERTIES COST ${cost})
  endif()
endforeach()

# Long, and nothing in them depends on how the programs were compiled: where both builds are tested,
# the sanitized one's pass is theirs.
foreach(name registration changes stolen_front hostile_network cli isolation)
  set_tests_properties(integ/${name} PROPERTIES LABELS once)
endforeach()

# What the clock test preloads: wall time steps, boot time does not.
add_library(clock_shift MODULE ${CMAKE_SOURCE_DIR}/tests/fault/clock_shift.c)
target_compile_definitions(clock_shift PRIVATE _GNU_SOURCE)
target_link_libraries(clock_shift PRIVATE meshca_warnings)
set_target_properties(clock_shift PROPERTIES PREFIX ""
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
# What scripts/crash --points preloads.
add_library(kill_point MODULE ${CMAKE_SOURCE_DIR}/tests/fault/kill_point.c)
target_compile_definitions(kill_point PRIVATE _GNU_SOURCE)
target_link_libraries(kill_point PRIVATE meshca_warnings)
set_target_properties(kill_point PROPERTIES PREFIX ""
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
set_property(TEST integ/clock APPEND PROPERTY
  ENVIRONMENT "MESHCA_CLOCK_SHIFT=$<TARGET_FILE:clock_shift>")

# Real clients. Without Go and Node.js the tier does not exist, and scripts/test says so.
option(MESHCA_INTEROP "Interop tests: Istio's own agent code (Go), @grpc/grpc-js (Node.js)" OFF)
if(MESHCA_INTEROP)
  foreach(stack istio:go grpcjs:npm)
    string(REPLACE ":" ";" pair ${stack})
    list(GET pair 0 name)
    list(GET pair 1 tool)
    find_program(INTEROP_${tool} ${tool})
    if(NOT INTEROP_${tool})
      message(FATAL_ERROR "MESHCA_INTEROP is on and there is no `${tool}` on PATH")
    endif()
    add_test(NAME interop/${name}
      COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/interop/run.py ${name})
    set_tests_properties(interop/${name} PROPERTIES TIMEOUT 600 COST 50
      ENVIRONMENT "MESHCA_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  endforeach()
endif()
if(MESHCA_INTEROP)
  add_test(NAME interop/h2spec
    COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/interop/h2spec.py)
  set_tests_properties(interop/h2spec PROPERTIES TIMEOUT 600 COST 50
    ENVIRONMENT "MESHCA_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endif()

# openapi.json is held against the daemon by a tool from PyPI: the network tier.
if(MESHCA_INTEROP)
  add_test(NAME interop/schemathesis COMMAND ${CMAKE_SOURCE_DIR}/tests/integ/schemathesis.sh)
  set_tests_properties(interop/schemathesis PROPERTIES TIMEOUT 600 COST 50
    ENVIRONMENT "MESHCA_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endif()

# Two judges of inventories that must agree.
add_test(NAME conformance/inventory
  COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/conformance/inventory/agree.py)
set_tests_properties(conformance/inventory PROPERTIES TIMEOUT 240 LABELS once
  ENVIRONMENT "MESHCA_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")

# What we write, read by others. Without kubectl one reader is missing, and the build says so.
add_executable(yaml_write ${CMAKE_SOURCE_DIR}/tests/conformance/yaml/yaml_write.c)
target_link_libraries(yaml_write PRIVATE meshca_warnings meshca_hardening mc_base)
set_target_properties(yaml_write PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
find_program(KUBECTL kubectl)
set(torture Torture.test_pyyaml Torture.test_one_form Torture.test_plain_only_when_safe)
if(KUBECTL)
  list(APPEND torture Torture.test_kustomize)
else()
  message(WARNING "There is no kubectl: what it makes of our YAML is not tested")
endif()
add_test(NAME conformance/yaml
  COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/conformance/yaml/torture.py ${torture})
set_tests_properties(conformance/yaml PROPERTIES TIMEOUT 240
  ENVIRONMENT "MESHCA_YAML_WRITE=$<TARGET_FILE:yaml_write>")

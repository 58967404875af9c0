# SPDX-License-Identifier: Apache-2.0
# What holds in every generated tree. The definitions are data that does not come with the repository.
set(MESHCA_CRDS ${CMAKE_SOURCE_DIR}/../shared/crds CACHE PATH "folder of CustomResourceDefinitions")
add_test(NAME k8s/invariants COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/k8s/test_invariants.py)
set_tests_properties(k8s/invariants PROPERTIES TIMEOUT 240
  ENVIRONMENT "MESHCA_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};MESHCA_CRDS=${MESHCA_CRDS}")
add_test(NAME k8s/network COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/k8s/test_network.py)
set_tests_properties(k8s/network PROPERTIES TIMEOUT 120 ENVIRONMENT "MESHCA_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
add_test(NAME k8s/proofs COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/k8s/test_proofs.py)
set_tests_properties(k8s/proofs PROPERTIES TIMEOUT 300 ENVIRONMENT "MESHCA_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
add_test(NAME k8s/components COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/k8s/test_components.py)
set_tests_properties(k8s/components PROPERTIES TIMEOUT 120
  ENVIRONMENT "MESHCA_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
add_test(NAME k8s/tasks COMMAND /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/tests/k8s/test_tasks.py)
set_tests_properties(k8s/tasks PROPERTIES TIMEOUT 120 ENVIRONMENT "MESHCA_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
# See tests/integ/integ.cmake.
set_tests_properties(k8s/invariants k8s/proofs k8s/components PROPERTIES LABELS once)

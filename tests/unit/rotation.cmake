# SPDX-License-Identifier: Apache-2.0
meshca_unit(rotation_crl_plan mc_rotation)
meshca_unit(rotation_sup_keys mc_rotation)
meshca_unit(rotation_sup_listen mc_rotation)
meshca_unit(rotation_sup_status mc_rotation)

# The supervisor starts role programs from its own folder: these tests have one with puppets in it.
add_executable(sup_puppet ${CMAKE_SOURCE_DIR}/tests/unit/sup_puppet.c)
target_compile_definitions(sup_puppet PRIVATE _GNU_SOURCE)
target_link_libraries(sup_puppet PRIVATE meshca_warnings meshca_hardening mc_base)
set_target_properties(sup_puppet PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/sup)
foreach(role front signer ledger keeper ceremony)
  add_custom_command(TARGET sup_puppet POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E create_symlink sup_puppet ${CMAKE_BINARY_DIR}/tests/sup/meshca-${role})
endforeach()
function(meshca_unit_sup name)
  meshca_unit(${name} mc_rotation)
  set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/sup)
  add_dependencies(test_${name} sup_puppet)
endfunction()
meshca_unit_sup(rotation_sup_role)
meshca_unit_sup(rotation_sup_wire)
meshca_unit_sup(rotation_sup_rotate)
meshca_unit_sup(rotation_sup_ceremony)

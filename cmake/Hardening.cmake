# SPDX-License-Identifier: Apache-2.0
add_library(meshca_hardening INTERFACE)
target_compile_options(meshca_hardening INTERFACE
  -fstack-protector-strong -fno-strict-aliasing -fno-delete-null-pointer-checks -fno-common
  -fno-omit-frame-pointer)
if(MESHCA_SANITIZE)
  # FORTIFY and auto-var-init hide what the sanitizers look for.
  target_compile_options(meshca_hardening INTERFACE -fsanitize=address,undefined
    -fno-sanitize-recover=all)
  target_link_options(meshca_hardening INTERFACE -fsanitize=address,undefined)
else()
  target_compile_options(meshca_hardening INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
    -fstack-clash-protection -fcf-protection=full)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(meshca_hardening INTERFACE -fzero-call-used-regs=used-gpr
      -ftrivial-auto-var-init=zero -fharden-compares -fharden-conditional-branches)
  endif()
  target_link_options(meshca_hardening INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodlopen,-z,separate-code)
endif()

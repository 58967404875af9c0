# SPDX-License-Identifier: Apache-2.0
# Each set was accepted whole by GCC 12 and clang 14.
add_library(meshca_warnings INTERFACE)
target_compile_options(meshca_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wformat=2 -Wvla -Walloca -Wcast-qual -Wpointer-arith -Wwrite-strings -Wundef -Wswitch-enum
  -Wimplicit-fallthrough -Wnull-dereference -Wdate-time)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(meshca_warnings INTERFACE
    -Wformat-signedness -Wformat-truncation=2 -Wduplicated-cond -Wduplicated-branches -Wlogical-op
    -Wjump-misses-init -Walloc-zero -Warith-conversion -Wcast-align=strict -Wtrampolines
    -Wbidi-chars=any -Wuse-after-free=3)
  # The sanitizers' red zones would count.
  if(NOT MESHCA_SANITIZE)
    target_compile_options(meshca_warnings INTERFACE -Wstack-usage=16384)
  endif()
elseif(CMAKE_C_COMPILER_ID MATCHES "Clang")
  target_compile_options(meshca_warnings INTERFACE
    -Wcomma -Wassign-enum -Wconditional-uninitialized -Wunreachable-code-aggressive -Wthread-safety
    -Wextra-semi-stmt -Wmissing-variable-declarations -Wshift-sign-overflow)
endif()
if(MESHCA_WERROR)
  target_compile_options(meshca_warnings INTERFACE -Werror)
endif()

# SPDX-License-Identifier: Apache-2.0
# Each vendor library is linked by the one folder that may include its headers.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
foreach(dep IN ITEMS libcrypto:libcrypto libssl:libssl sqlite3:sqlite3 jansson:jansson yaml:yaml-0.1
    microhttpd:libmicrohttpd nghttp2:libnghttp2 protobuf_c:libprotobuf-c curl:libcurl)
  string(REPLACE ":" ";" pair ${dep})
  list(GET pair 0 name)
  list(GET pair 1 module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
endforeach()

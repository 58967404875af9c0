# SPDX-License-Identifier: Apache-2.0
# cmake -DDIR=folder -DOUT=file.c -DHEADER=header.h -DNAME=symbol -P EmbedFolder.cmake: every
# .yaml file below a folder as an entry {path, text, len} of one sorted C table.
file(GLOB_RECURSE files RELATIVE ${DIR} ${DIR}/*.yaml)
list(SORT files)
set(arrays "")
set(rows "")
set(number 0)
foreach(name IN LISTS files)
  file(READ ${DIR}/${name} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
  string(APPEND arrays "static const unsigned char file_${number}[] = {\n${bytes}0x00};\n")
  string(APPEND rows "    {\"${name}\", file_${number}, sizeof(file_${number}) - 1},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "/* made by the build */\n#include \"${HEADER}\"\n
${arrays}
const struct k8s_builtin ${NAME}s[] = {\n${rows}    {0, 0, 0}};
const size_t ${NAME}_count = ${number};\n")

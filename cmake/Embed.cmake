# cmake -DOUT=FILE -DIN=FILE -DHEADER=PATH -DNAME=NAME -P Embed.cmake: writes a file as a C array, and what
# identifies its content.
file(READ ${IN} hex HEX)
file(SHA256 ${IN} digest)
string(SUBSTRING ${digest} 0 32 tag)
string(REGEX REPLACE "(..)" "0x\\1," octets "${hex}")
file(WRITE ${OUT} "#include \"${HEADER}\"\n\nstatic const uint8_t OCTETS[] = {\n${octets}};\n\n"
  "const struct bytes ${NAME} = {OCTETS, sizeof OCTETS};\nconst char ${NAME}_TAG[] = \"${tag}\";\n")

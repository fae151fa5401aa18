# cmake -DOUT=FILE -DSYMBOL=TABLE -DDIR=DIR -DNAMES=a,b -P Migrations.cmake: writes the SQL files as
# C arrays.
string(REPLACE "," ";" names "${NAMES}")
set(text "#include \"db/migrations.h\"\n\n")
set(table "")
set(i 0)
foreach(name ${names})
  file(READ ${DIR}/${name}.sql hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," octets "${hex}")
  string(APPEND text "static const uint8_t SQL_${i}[] = {\n${octets}0x00};\n")
  string(APPEND table "\t{\"${name}\", SQL_${i}, sizeof SQL_${i} - 1},\n")
  math(EXPR i "${i} + 1")
endforeach()
file(WRITE ${OUT} "${text}\nconst struct migration ${SYMBOL}[] = {\n${table}};\nconst size_t ${SYMBOL}_COUNT = ${i};\n")

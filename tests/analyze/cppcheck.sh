#!/bin/sh -eu
# cppcheck over the product. Off: memleak and resourceLeak, since it does not know
# __attribute__((cleanup)), and ctuuninitvar, which takes an init function's argument for a use.
. tests/lint/common.sh
need_files "$PRODUCT"
config=$(mktemp)
trap 'rm -f "$config"' EXIT
cat >"$config" <<'XML'
<?xml version="1.0"?>
<def format="2">
  <define name="json_array_foreach(array, index, value)" value="for (index = 0; (value = json_array_get(array, index)) != 0; index++)"/>
  <define name="json_object_foreach(object, key, value)" value="for (key = 0; (value = json_object_get(object, key)) != 0; )"/>
</def>
XML
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j "$(nproc)" -I . \
	--enable=warning,performance,portability --library="$config" --suppress=missingIncludeSystem \
	--suppress=memleak --suppress=resourceLeak --suppress=ctuuninitvar $files
echo "cppcheck has nothing to say about $(echo "$files" | wc -l) files"

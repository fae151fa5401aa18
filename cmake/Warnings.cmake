include(CheckCCompilerFlag)
add_library(project_flags INTERFACE)
target_compile_features(project_flags INTERFACE c_std_17)
target_include_directories(project_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(project_flags INTERFACE _GNU_SOURCE)

# Neither this nor _FORTIFY_SOURCE may meet a sanitizer: both would blind it
# (ossf/wg-best-practices-os-developers issue 965).
set(auto_init -ftrivial-auto-var-init=zero)
if(MONIKER_SANITIZE)
  set(auto_init "")
endif()

# Probed one by one: gcc 12 lacks -fstrict-flex-arrays, clang 14 gates -ftrivial-auto-var-init.
foreach(flag
    -Wall -Wextra -Wpedantic -Wformat=2 -Wconversion -Wsign-conversion -Wshadow -Wundef -Wvla
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wcast-qual -Wcast-align
    -Wwrite-strings -Wpointer-arith -Wnull-dereference -Wswitch-enum -Wimplicit-fallthrough -Wdate-time
    -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wtrampolines -Walloca
    -fstrict-flex-arrays=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
    -fno-delete-null-pointer-checks -fno-strict-overflow ${auto_init})
  string(MAKE_C_IDENTIFIER "HAVE_${flag}" have)
  check_c_compiler_flag(${flag} ${have})
  if(${have})
    target_compile_options(project_flags INTERFACE ${flag})
  endif()
endforeach()
# Reproducible: no build path in the objects.
target_compile_options(project_flags INTERFACE "-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.")

if(MONIKER_SANITIZE)
  target_compile_options(project_flags INTERFACE -fsanitize=${MONIKER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(project_flags INTERFACE -fsanitize=${MONIKER_SANITIZE})
else()
  target_compile_options(project_flags INTERFACE -U_FORTIFY_SOURCE $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
  target_link_options(project_flags INTERFACE LINKER:-z,relro,-z,now,-z,noexecstack,-z,nodlopen,--as-needed)
endif()

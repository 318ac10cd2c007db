# SPDX-License-Identifier: Apache-2.0
# One interface target with the warnings, the hardening and the sanitizers of the build.
add_library(pawl_options INTERFACE)
target_compile_options(pawl_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Wformat=2 -Wswitch-enum -Wimplicit-fallthrough -Wundef
  -Wcast-qual -Wnull-dereference -Wfloat-equal -Wdouble-promotion -Wwrite-strings
  -fno-common -fstack-protector-strong)
target_link_options(pawl_options INTERFACE -Wl,-z,relro,-z,now)
if(PAWL_WERROR)
  target_compile_options(pawl_options INTERFACE -Werror)
endif()
if(PAWL_SANITIZE)
  target_compile_options(pawl_options INTERFACE
    -fsanitize=${PAWL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(pawl_options INTERFACE -fsanitize=${PAWL_SANITIZE})
else()
  target_compile_options(pawl_options INTERFACE
    $<$<CONFIG:Release>:-U_FORTIFY_SOURCE$<SEMICOLON>-D_FORTIFY_SOURCE=2>)
endif()
# libFuzzer steers by the edges taken in our code, so the layers are instrumented as well.
if(PAWL_FUZZ)
  target_compile_options(pawl_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(PAWL_SLOW_ASSERTS)
  target_compile_definitions(pawl_options INTERFACE PAWL_SLOW_ASSERTS)
endif()

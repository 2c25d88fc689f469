# What is being built, by one name, and the flags that follow from it.
#
#   native           for tests; asserts on
#   native-asan      AddressSanitizer and UndefinedBehaviorSanitizer
#   native-tsan      ThreadSanitizer
#   native-fuzz      as native-asan, with libFuzzer's coverage; only Clang has it
#   native-fuzz-32   the same for a processor of 32 bits (-m32), where sizes wrap as they do in wasm
#   simd             wasm, 128-bit SIMD, one thread, no SharedArrayBuffer
#   simd-threads     wasm, 128-bit SIMD, pthreads
#   relaxed-threads  wasm, relaxed SIMD (fused multiply-add), pthreads
if(EMSCRIPTEN)
  set(BEIT_VARIANTS simd simd-threads relaxed-threads)
else()
  set(BEIT_VARIANTS native native-asan native-tsan native-fuzz native-fuzz-32)
endif()
list(GET BEIT_VARIANTS 0 first)
set(BEIT_VARIANT ${first} CACHE STRING "What to build: ${BEIT_VARIANTS}")
set_property(CACHE BEIT_VARIANT PROPERTY STRINGS ${BEIT_VARIANTS})
if(NOT BEIT_VARIANT IN_LIST BEIT_VARIANTS)
  message(FATAL_ERROR "BEIT_VARIANT is ${BEIT_VARIANT}; this compiler builds ${BEIT_VARIANTS}")
endif()

# The modules of decoders, codecs and avif, have one thread and the flags of `simd`: nothing is learned of them from the other variants.
set(BEIT_DECODERS ON)
if(BEIT_VARIANT MATCHES "-threads|tsan")
  set(BEIT_DECODERS OFF)
endif()

set(BEIT_THREADS ON)
if(BEIT_VARIANT STREQUAL "simd")
  set(BEIT_THREADS OFF)
endif()

# Flags of everything, third-party code too: they change the ABI or the instruction set.
if(EMSCRIPTEN)
  # Vector instructions; XNNPACK's wasm kernels are intrinsics.
  add_compile_options(-msimd128)
  if(BEIT_VARIANT MATCHES "relaxed")
    add_compile_options(-mrelaxed-simd)  # f32x4.relaxed_madd: one instruction where simd needs two
  endif()
  if(BEIT_THREADS)
    # Shared memory and atomics: all objects of a program must agree.
    add_compile_options(-pthread)
    add_link_options(-pthread)
  endif()
  # One exception mode for a program. The engine's own exceptions cost no code on the good path; the
  # default (legacy) encoding is the one that Node 20 runs.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fwasm-exceptions>)
  add_link_options(-fwasm-exceptions)
else()
  add_compile_definitions($<$<COMPILE_LANGUAGE:CXX>:_GLIBCXX_ASSERTIONS>)  # an index, an empty optional or span: checked
  if(BEIT_VARIANT STREQUAL "native-fuzz-32")
    set(CMAKE_SYSTEM_PROCESSOR i686)               # XNNPACK and cpuinfo choose their files by it
    add_compile_options(-m32 -msse2 -mfpmath=sse)  # not the x87's 80 bits, in which sums differ
    add_link_options(-m32)
  endif()
  add_compile_options(-pthread)  # pthreadpool
  add_link_options(-pthread)
  if(BEIT_VARIANT MATCHES "native-(asan|fuzz)")
    # In the decoders' libraries too: they are where our buffers are read. -O1 compiles in half the time of -O3.
    add_compile_options(-fsanitize=address -fno-omit-frame-pointer -O1)  # frame pointers: whole stack traces
    add_link_options(-fsanitize=address,undefined)
  elseif(BEIT_VARIANT STREQUAL "native-tsan")
    # In all code: a lock in code without it is invisible and everything behind it a false report.
    add_compile_options(-fsanitize=thread)
    add_link_options(-fsanitize=thread)
  endif()
endif()

# Flags of our own files only.
add_library(beit_options INTERFACE)
target_include_directories(beit_options INTERFACE ${CMAKE_CURRENT_SOURCE_DIR})  # #include "src/x.h"
target_compile_options(beit_options INTERFACE -Wall -Wextra -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(beit_options INTERFACE -Wno-restrict)  # GCC 12 sees overlaps in "a" + std::string: its bug 105651
endif()
option(BEIT_WERROR "Make warnings of our own files errors" OFF)
# Not with the sanitizers: GCC's analysis of flow sees their code, and warns of what is not there. The other variants have the same files.
if(BEIT_WERROR AND NOT BEIT_VARIANT MATCHES "asan|tsan|fuzz")
  target_compile_options(beit_options INTERFACE -Werror)
endif()
if(NOT EMSCRIPTEN)
  target_compile_options(beit_options INTERFACE
    -UNDEBUG                       # CMake's Release turns asserts off; the tests want them
    $<IF:$<CONFIG:Debug>,-g,-g1>)  # lines in the sanitizers' reports; variables, for a debugger, would add a third to a file's time
endif()
if(BEIT_VARIANT MATCHES "native-(asan|fuzz)")
  # Only here: XNNPACK relies on behaviour that UBSan reports.
  target_compile_options(beit_options INTERFACE -fsanitize=undefined -fno-sanitize-recover=undefined)
endif()
if(BEIT_VARIANT STREQUAL "native-tsan")
  target_compile_options(beit_options INTERFACE -O1)  # as with the other sanitizers
endif()
if(BEIT_VARIANT MATCHES "native-fuzz")
  if(BEIT_VARIANT STREQUAL "native-fuzz")
    add_compile_options(-fsanitize=fuzzer-no-link)  # in yyjson too, whose ways the fuzzer has to see
  else()
    target_compile_options(beit_options INTERFACE -fsanitize=fuzzer-no-link)  # and yyjson, see cmake/dependencies.cmake
  endif()
endif()

# Our own files in wasm: small first, since most of them run once. Loops over pixels, tensors and
# weights are named in beit_hot_sources(). Measured, threaded artefact: -Os 0.70 MB,
# -Oz 0.52 (-O3 for all adds 0.07 to -Os).
add_library(beit_small INTERFACE)
if(EMSCRIPTEN)
  target_compile_options(beit_small INTERFACE
    -Oz
    $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)  # nothing asks for a type at run time
endif()
function(beit_hot_sources)
  if(EMSCRIPTEN)
    set_source_files_properties(${ARGN} PROPERTIES
      COMPILE_OPTIONS -O3            # after -Oz: the last one counts
      SKIP_PRECOMPILE_HEADERS ON)    # which are for -Oz
  endif()
endfunction()

# Precompiled headers. Clang spends more than half of an own file's time on the standard library's: 1.4 s of processor time
# a file with them, 3.1 without (on a busy machine), same objects. GCC with -O1 gains 0.4 to 1.0 s of 1.2 to 3.6 in a test.
#
# Every file still includes what it uses: `native` has none, nor has the library of `simd`, and they find what is missing. Nor are
# they for builds with a compiler launcher, such as ccache, which would keep nothing.
set(precompiled ON)
if(CMAKE_CXX_COMPILER_LAUNCHER OR BEIT_VARIANT MATCHES "^native$|fuzz")
  set(precompiled OFF)
endif()
option(BEIT_PRECOMPILED_HEADERS "Precompile the headers that most files include" ${precompiled})

set(BEIT_HEADERS
  <algorithm> <array> <cassert> <cmath> <cstddef> <cstdint> <cstring> <functional> <limits> <memory> <optional> <span>
  <string> <string_view> <unordered_map> <utility> <variant> <vector>)

# Gives a layer the headers that most of the library includes.
function(beit_precompile target)
  if(NOT BEIT_PRECOMPILED_HEADERS OR BEIT_VARIANT STREQUAL "simd")
    return()
  endif()
  if(NOT TARGET beit_precompiled)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/precompiled.cpp CONTENT "")
    add_library(beit_precompiled OBJECT ${CMAKE_BINARY_DIR}/generated/precompiled.cpp)
    target_link_libraries(beit_precompiled PRIVATE beit_options beit_small)  # as a layer
    target_precompile_headers(beit_precompiled PRIVATE ${BEIT_HEADERS})
  endif()
  target_precompile_headers(${target} REUSE_FROM beit_precompiled)
endfunction()

# Gives a target with options of its own the same and, after its name, what most of its files include besides.
function(beit_precompile_own target)
  if(BEIT_PRECOMPILED_HEADERS)
    target_precompile_headers(${target} PRIVATE ${BEIT_HEADERS} ${ARGN})
  endif()
endfunction()

# Precompiled headers. Clang spends more than half of an own file's time on the standard library's: 1.4 s of processor time
# a file with them, 3.1 without (on a busy machine), same objects. GCC gains an eighth to a third, so the native builds go without.
#
# Every file still includes what it uses: the native variants and `simd` find what is missing. Nor are they for builds with
# a compiler launcher, such as ccache, which would keep nothing.
set(precompiled OFF)
if(EMSCRIPTEN AND BEIT_THREADS AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(precompiled ON)
endif()
option(BEIT_PRECOMPILED_HEADERS "Precompile the headers that most files include" ${precompiled})

# Gives a layer the headers that most of the library includes.
function(beit_precompile target)
  if(NOT BEIT_PRECOMPILED_HEADERS)
    return()
  endif()
  if(NOT TARGET beit_precompiled)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/precompiled.cpp CONTENT "")
    add_library(beit_precompiled OBJECT ${CMAKE_BINARY_DIR}/generated/precompiled.cpp)
    target_link_libraries(beit_precompiled PRIVATE beit_options beit_small)  # as a layer
    target_precompile_headers(beit_precompiled PRIVATE
      <algorithm> <array> <cassert> <cmath> <cstddef> <cstdint> <cstring> <functional> <limits> <memory> <optional> <span>
      <string> <string_view> <unordered_map> <utility> <variant> <vector>)
  endif()
  target_precompile_headers(${target} REUSE_FROM beit_precompiled)
endfunction()

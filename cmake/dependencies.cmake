# Third-party sources, each one pinned.
#
# Where they come from, first match wins:
#   BEIT_DEPS_DIR/NAME             folders that tools/setup.mjs has filled (checked by SHA-256)
#   FETCHCONTENT_SOURCE_DIR_NAME   CMake's own variable, for one folder at a time
#   the pin below                  fetched by CMake's FetchContent on a machine with a network
include(FetchContent)
set(BEIT_DEPS_DIR "" CACHE PATH "Folder with the unpacked sources: xnnpack, pthreadpool, fxdiv, cpuinfo, catch2, eigen3, libstb, yyjson, libwebp, libjpeg-turbo, dav1d")

# Sets NAME_SOURCE_DIR in the caller. Only the files are wanted: the build rules are in this folder
# (SOURCE_SUBDIR names a folder without a CMakeLists.txt, so that FetchContent adds no targets).
macro(beit_source name repository commit)
  string(TOUPPER ${name} upper)
  if(BEIT_DEPS_DIR AND EXISTS ${BEIT_DEPS_DIR}/${name})
    set(FETCHCONTENT_SOURCE_DIR_${upper} ${BEIT_DEPS_DIR}/${name})
  endif()
  FetchContent_Declare(${name} GIT_REPOSITORY ${repository} GIT_TAG ${commit} SOURCE_SUBDIR no-build-rules)
  FetchContent_MakeAvailable(${name})
endmacro()

# Commits and not tags, which can be moved.
beit_source(xnnpack     https://github.com/google/XNNPACK.git      4ea82e595b36106653175dcb04b2aa532660d0d8)  # 2024-11-08
beit_source(pthreadpool https://github.com/google/pthreadpool.git  560c60d342a76076f0557a3946924c6478470044)  # 2024-06-16
beit_source(fxdiv       https://github.com/Maratyszcza/FXdiv.git   b408327ac2a15ec3e43352421954f5b1967701d1)  # 2020-04-17
beit_source(yyjson      https://github.com/ibireme/yyjson.git      9ddba001a4ea88e93b46932e5c5b87b222e19a5f)  # 0.10.0
beit_source(libstb      https://github.com/nothings/stb.git        5c205738c191bcb0abc65c4febfa9bd25ff35234)  # stb_image 2.30
if(BEIT_DECODERS)
  beit_source(dav1d       https://code.videolan.org/videolan/dav1d.git 42b2b24fb8819f1ed3643aa9cf2a62f03868e3aa)  # 1.5.1, of avif
  beit_source(libjpeg-turbo https://github.com/libjpeg-turbo/libjpeg-turbo.git 3b19db4e6e7493a748369974819b4c5fa84c7614)  # 2.1.5, of codecs
  beit_source(libwebp     https://github.com/webmproject/libwebp.git a4d7a715337ded4451fec90ff8ce79728e04126c)  # 1.5.0, of codecs
endif()
beit_source(catch2      https://github.com/catchorg/Catch2.git     fa43b77429ba76c462b1898d6cd2f2d7a9416b14)  # 3.7.1, tests only
beit_source(eigen3      https://gitlab.com/libeigen/eigen.git      3147391d946bb4b6c68edd901f2add6ac1f31f8c)  # 3.4.0, tests only
if(NOT EMSCRIPTEN)
  beit_source(cpuinfo   https://github.com/pytorch/cpuinfo.git     877328f188a3c7d1fa855871a278eb48d530c4c0)  # 2025-09-05
endif()

# JSON: config.json, headers of safetensors.
add_library(yyjson STATIC ${yyjson_SOURCE_DIR}/src/yyjson.c)
target_link_libraries(yyjson PRIVATE beit_small)
if(BEIT_VARIANT STREQUAL "native-fuzz-32")
  target_compile_options(yyjson PRIVATE -fsanitize=fuzzer-no-link)  # not XNNPACK, see cmake/xnnpack.cmake
endif()
target_compile_definitions(yyjson PRIVATE
  yyjson_inline=__inline__)  # it forces its helpers into every place of use: 17 kB of wasm instead of 72, and with a sanitizer 10 s more
if(BEIT_VARIANT MATCHES "asan|tsan")
  target_compile_options(yyjson PRIVATE -O1)  # as our own files
endif()
target_include_directories(yyjson SYSTEM PUBLIC ${yyjson_SOURCE_DIR}/src)

# One header; src/image/stb_decoder.cpp and jpeg_decoder.cpp hold the implementation of what each of them uses.
add_library(stb_image INTERFACE)
target_include_directories(stb_image SYSTEM INTERFACE ${libstb_SOURCE_DIR})

# Matrices in double precision, which the tests hold the core against. Headers only.
add_library(eigen INTERFACE)
target_include_directories(eigen SYSTEM INTERFACE ${eigen3_SOURCE_DIR})
target_compile_definitions(eigen INTERFACE EIGEN_MPL2_ONLY)  # none of its few parts under the LGPL

# Catch2's single-file form: one compilation instead of a hundred, for five variants. The tests
# include its fine-grained headers, <catch2/catch_test_macros.hpp>, which are the same code.
add_library(catch2 STATIC EXCLUDE_FROM_ALL ${catch2_SOURCE_DIR}/extras/catch_amalgamated.cpp)
set(CATCH_CONFIG_DEFAULT_REPORTER console)
set(CATCH_CONFIG_CONSOLE_WIDTH 100)
configure_file(${catch2_SOURCE_DIR}/src/catch2/catch_user_config.hpp.in
               ${CMAKE_CURRENT_BINARY_DIR}/generated/catch2/catch_user_config.hpp)
target_include_directories(catch2 SYSTEM PUBLIC ${CMAKE_CURRENT_BINARY_DIR}/generated ${catch2_SOURCE_DIR}/src)
target_compile_options(catch2 PRIVATE -O1)  # nothing hot in it; half the compile time of -O3
if(BEIT_VARIANT STREQUAL "native-asan")
  target_compile_options(catch2 PRIVATE -fno-sanitize=address)  # what it is given is checked where it comes from; half of -O1's time
endif()

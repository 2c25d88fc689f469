# Libraries of the module `codecs`: decoders only. Files and not the libraries' own CMake, which look for what a system has.

# libwebp. Its SSE2 files are intrinsics, for which Emscripten has wasm's; those of SSE4.1 would be a second set of the same.
set(files
  src/dec/alpha_dec.c src/dec/buffer_dec.c src/dec/frame_dec.c src/dec/io_dec.c src/dec/quant_dec.c src/dec/tree_dec.c
  src/dec/vp8_dec.c src/dec/vp8l_dec.c src/dec/webp_dec.c
  src/demux/demux.c
  src/dsp/alpha_processing.c src/dsp/alpha_processing_sse2.c
  src/dsp/cpu.c src/dsp/dec.c src/dsp/dec_clip_tables.c src/dsp/dec_sse2.c
  src/dsp/filters.c src/dsp/filters_sse2.c
  src/dsp/lossless.c src/dsp/lossless_sse2.c
  src/dsp/rescaler.c src/dsp/rescaler_sse2.c
  src/dsp/upsampling.c src/dsp/upsampling_sse2.c
  src/dsp/yuv.c src/dsp/yuv_sse2.c
  src/utils/bit_reader_utils.c src/utils/color_cache_utils.c src/utils/filters_utils.c src/utils/huffman_utils.c
  src/utils/palette.c src/utils/quant_levels_dec_utils.c src/utils/random_utils.c src/utils/rescaler_utils.c
  src/utils/thread_utils.c src/utils/utils.c)
list(TRANSFORM files PREPEND ${libwebp_SOURCE_DIR}/)
add_library(webp STATIC EXCLUDE_FROM_ALL ${files})
target_include_directories(webp SYSTEM PRIVATE ${libwebp_SOURCE_DIR} PUBLIC ${libwebp_SOURCE_DIR}/src)
target_compile_definitions(webp PRIVATE
  WEBP_REDUCE_SIZE  # no scaling
  WEBP_REDUCE_CSP)  # no colours but RGBA and BGRA
target_compile_options(webp PRIVATE -w)
if(EMSCRIPTEN)
  target_compile_options(webp PRIVATE -Oz -msse2)
  # What works for each pixel.
  set(hot dec/frame_dec.c dec/tree_dec.c dec/vp8_dec.c dec/vp8l_dec.c dsp/dec_sse2.c dsp/filters_sse2.c dsp/lossless.c dsp/lossless_sse2.c
          dsp/upsampling_sse2.c dsp/yuv_sse2.c dsp/dec.c utils/bit_reader_utils.c)
  list(TRANSFORM hot PREPEND ${libwebp_SOURCE_DIR}/src/)
  set_property(SOURCE ${hot} PROPERTY COMPILE_OPTIONS -O2)
endif()

# libjpeg-turbo's decompressor. Its messages (jerror.c) are left out: src/codecs/jpeg.cpp has its own error manager.
set(jpeg ${libjpeg-turbo_SOURCE_DIR})
set(files jaricom jcomapi jdapimin jdapistd jdarith jdcoefct jdcolor jddctmgr jdhuff jdinput jdmainct jdmarker jdmaster jdphuff
          jdpostct jdsample jidctint jmemmgr jmemnobs jsimd_none jutils)
list(TRANSFORM files REPLACE "(.+)" "${jpeg}/\\1.c")
# What its own CMake would find out.
set(JPEG_LIB_VERSION 62)
set(BITS_IN_JSAMPLE 8)
set(D_ARITH_CODING_SUPPORTED ON)
set(VERSION 2.1.5)
set(LIBJPEG_TURBO_VERSION_NUMBER 2001005)
set(BUILD beit-wasm)
set(INLINE "inline __attribute__((always_inline))")
set(THREAD_LOCAL "")
set(SIZE_T ${CMAKE_SIZEOF_VOID_P})
set(HAVE_BUILTIN_CTZL ON)
foreach(header jconfig jconfigint)
  configure_file(${jpeg}/${header}.h.in ${CMAKE_CURRENT_BINARY_DIR}/generated/jpeg/${header}.h)
endforeach()
add_library(jpeg STATIC EXCLUDE_FROM_ALL ${files})
target_include_directories(jpeg SYSTEM PUBLIC ${jpeg} ${CMAKE_CURRENT_BINARY_DIR}/generated/jpeg)
target_compile_definitions(jpeg PRIVATE NO_GETENV)  # JPEGMEM
# Parts that nothing here asks for. jmorecfg.h has no condition around them, so they are taken back behind it.
file(CONFIGURE OUTPUT generated/jpeg/parts.h @ONLY CONTENT "
#include <errno.h>  /* jinclude.h forgets it where there is no getenv() */
#define JPEG_INTERNALS
#include <jinclude.h>
#include <jpeglib.h>
#undef DCT_IFAST_SUPPORTED
#undef DCT_FLOAT_SUPPORTED
#undef IDCT_SCALING_SUPPORTED
#undef UPSAMPLE_MERGING_SUPPORTED
#undef QUANT_1PASS_SUPPORTED
#undef QUANT_2PASS_SUPPORTED
")
target_compile_options(jpeg PRIVATE -w
  -include ${CMAKE_CURRENT_BINARY_DIR}/generated/jpeg/parts.h
  $<$<NOT:$<BOOL:${EMSCRIPTEN}>>:-fexceptions>)     # an error leaves it as an exception of C++
if(EMSCRIPTEN)
  # Bits of the file are read 64 at a time, as wasm can though its pointers have 32; the library asks for this ABI of x86.
  set_property(SOURCE ${jpeg}/jdhuff.c ${jpeg}/jdphuff.c PROPERTY COMPILE_DEFINITIONS __x86_64__ __ILP32__)
  target_compile_options(jpeg PRIVATE -Oz)
  # What works for each pixel.
  set_property(SOURCE ${jpeg}/jdhuff.c ${jpeg}/jidctint.c PROPERTY COMPILE_OPTIONS -O2)
endif()
if(BEIT_VARIANT STREQUAL "native-fuzz-32")
  # Whose ways the fuzzer has to see; with 64 bits all code is compiled so.
  foreach(library webp jpeg)
    target_compile_options(${library} PRIVATE -fsanitize=fuzzer-no-link)
  endforeach()
endif()

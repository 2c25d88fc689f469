# dav1d, the AV1 decoder of the module `avif`. Its files and not its own build: Meson is on no machine by itself, and most of what that
# finds out is about assembly, which wasm has none of.
set(common cdf cpu ctx data decode dequant_tables getbits intra_edge itx_1d lf_mask lib log mem msac obu pal picture qm ref refmvs scan
           tables thread_task warpmv wedge)
set(by_depth cdef_apply cdef fg_apply filmgrain ipred_prepare ipred itx lf_apply loopfilter looprestoration lr_apply mc recon)
set(generated ${CMAKE_CURRENT_BINARY_DIR}/generated/dav1d)
set(config "#pragma once\n")
foreach(name CONFIG_8BPC CONFIG_16BPC HAVE_CLOCK_GETTIME HAVE_POSIX_MEMALIGN HAVE_SYS_TYPES_H HAVE_UNISTD_H HAVE_C11_GENERIC)
  string(APPEND config "#define ${name} 1\n")
endforeach()
foreach(name HAVE_ASM TRIM_DSP_FUNCTIONS CONFIG_LOG CONFIG_MACOS_KPERF HAVE_MEMALIGN HAVE_ALIGNED_ALLOC HAVE_DLSYM HAVE_IO_H HAVE_PTHREAD_NP_H
             HAVE_GETAUXVAL HAVE_ELF_AUX_INFO ENDIANNESS_BIG ARCH_AARCH64 ARCH_ARM ARCH_X86 ARCH_X86_64 ARCH_X86_32 ARCH_PPC64LE ARCH_RISCV
             ARCH_RV32 ARCH_RV64 ARCH_LOONGARCH ARCH_LOONGARCH32 ARCH_LOONGARCH64)
  string(APPEND config "#define ${name} 0\n")
endforeach()
file(CONFIGURE OUTPUT ${generated}/config.h CONTENT "${config}")
file(CONFIGURE OUTPUT ${generated}/vcs_version.h CONTENT "#define DAV1D_VERSION \"1.5.1\"\n")

set(objects)
list(TRANSFORM common REPLACE "(.+)" "${dav1d_SOURCE_DIR}/src/\\1.c" OUTPUT_VARIABLE common_files)
list(TRANSFORM by_depth REPLACE "(.+)" "${dav1d_SOURCE_DIR}/src/\\1_tmpl.c" OUTPUT_VARIABLE depth_files)
foreach(depth 8 16)
  add_library(dav1d_${depth} OBJECT EXCLUDE_FROM_ALL ${depth_files})
  target_compile_definitions(dav1d_${depth} PRIVATE BITDEPTH=${depth})
  list(APPEND objects $<TARGET_OBJECTS:dav1d_${depth}>)
endforeach()
add_library(dav1d STATIC EXCLUDE_FROM_ALL ${common_files} ${objects})
target_include_directories(dav1d SYSTEM INTERFACE ${dav1d_SOURCE_DIR}/include)
foreach(library dav1d dav1d_8 dav1d_16)
  target_include_directories(${library} PRIVATE ${generated} ${dav1d_SOURCE_DIR} ${dav1d_SOURCE_DIR}/include ${dav1d_SOURCE_DIR}/include/dav1d
                                                ${dav1d_SOURCE_DIR}/src)
  target_compile_definitions(${library} PRIVATE _GNU_SOURCE)
  target_compile_options(${library} PRIVATE -w $<$<BOOL:${EMSCRIPTEN}>:-Oz>)
  if(BEIT_VARIANT STREQUAL "native-fuzz-32")  # as webp and jpeg
    target_compile_options(${library} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endforeach()

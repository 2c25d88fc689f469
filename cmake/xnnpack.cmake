# XNNPACK and what it stands on: FXdiv, pthreadpool, cpuinfo (native only). Of the library and its tests only pthreadpool is a
# part. What `npm run bench:gemm` races is built of XNNPACK: of its operator API, not of its subgraph API.

# Division by invariants: one header.
add_library(fxdiv INTERFACE)
target_include_directories(fxdiv SYSTEM INTERFACE ${fxdiv_SOURCE_DIR}/include)

# pthreadpool's own CMake takes the single-threaded shim for every Emscripten build.
set(pthreadpool ${pthreadpool_SOURCE_DIR}/src)
if(NOT BEIT_THREADS)
  set(sources ${pthreadpool}/shim.c)
else()
  set(sources ${pthreadpool}/portable-api.c
              ${CMAKE_CURRENT_SOURCE_DIR}/src/kernels/pthreadpool_threads.c)  # in place of pthreads.c, see there
  if(NOT EMSCRIPTEN)
    list(APPEND sources ${pthreadpool}/fastpath.c)  # x86 atomics without a compare loop
  endif()
endif()
add_library(pthreadpool STATIC ${sources})
target_include_directories(pthreadpool SYSTEM PUBLIC ${pthreadpool_SOURCE_DIR}/include
                           PRIVATE ${pthreadpool} ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(pthreadpool PRIVATE fxdiv)
if(EMSCRIPTEN)
  target_compile_options(pthreadpool PRIVATE -Oz)  # it only hands out tasks, in forty ways
endif()
target_compile_definitions(pthreadpool
  PUBLIC PTHREADPOOL_NO_DEPRECATED_API=1
  PRIVATE _GNU_SOURCE=1                # syscall(), for its futex
          PTHREADPOOL_USE_FASTPATH=$<IF:$<BOOL:${EMSCRIPTEN}>,0,1>)

if(EMSCRIPTEN)
  add_library(cpuinfo INTERFACE)  # the patch below sets XNN_ENABLE_CPUINFO=0: nothing to ask on wasm
else()
  foreach(part TOOLS UNIT_TESTS MOCK_TESTS BENCHMARKS PKG_CONFIG)
    set(CPUINFO_BUILD_${part} OFF CACHE INTERNAL "")
  endforeach()
  set(CPUINFO_LIBRARY_TYPE static CACHE INTERNAL "")
  add_subdirectory(${cpuinfo_SOURCE_DIR} ${CMAKE_BINARY_DIR}/cpuinfo EXCLUDE_FROM_ALL)
endif()

# XNNPACK's CMake does not know Emscripten: it is patched in a copy whose other entries are links, so
# that the given folder stays as it is.
set(xnnpack_patched ${CMAKE_BINARY_DIR}/xnnpack-patched)
set(xnnpack_patch ${CMAKE_CURRENT_SOURCE_DIR}/cmake/xnnpack-emscripten.patch)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${xnnpack_patch})
file(MAKE_DIRECTORY ${xnnpack_patched})
file(GLOB entries RELATIVE ${xnnpack_SOURCE_DIR} ${xnnpack_SOURCE_DIR}/*)
list(REMOVE_ITEM entries CMakeLists.txt)
foreach(entry IN LISTS entries)
  file(CREATE_LINK ${xnnpack_SOURCE_DIR}/${entry} ${xnnpack_patched}/${entry} SYMBOLIC)
endforeach()
find_program(BEIT_PATCH patch REQUIRED)
execute_process(
  COMMAND ${BEIT_PATCH} --silent -o ${xnnpack_patched}/CMakeLists.txt.new ${xnnpack_SOURCE_DIR}/CMakeLists.txt ${xnnpack_patch}
  COMMAND_ERROR_IS_FATAL ANY)
file(COPY_FILE ${xnnpack_patched}/CMakeLists.txt.new ${xnnpack_patched}/CMakeLists.txt ONLY_IF_DIFFERENT)

# Only what the operators that src/ creates stand on is built. What the rest of those files would call is not there, and
# vanishes with its callers (--gc-sections, below); Apple's linker would complain first. An undefined xnn_... at link time
# is a file that is wanted here.
set(BEIT_XNNPACK_IS_TRIMMED ON)
if(APPLE OR BEIT_VARIANT MATCHES "native-fuzz")  # the fuzzers' tables of coverage hold more than is called
  set(BEIT_XNNPACK_IS_TRIMMED OFF)
endif()

function(beit_add_xnnpack)
  # Parts that nothing here uses. The native build is for tests: kernels for newer processors than
  # AVX2 would double its time.
  foreach(option BUILD_TESTS BUILD_BENCHMARKS BUILD_ALL_MICROKERNELS ENABLE_SPARSE ENABLE_KLEIDIAI
                 ENABLE_AVXVNNI ENABLE_AVXVNNIINT8 ENABLE_AVX256SKX ENABLE_AVX256VNNI ENABLE_AVX256VNNIGFNI
                 ENABLE_AVX512F ENABLE_AVX512SKX ENABLE_AVX512VBMI ENABLE_AVX512VNNI
                 ENABLE_AVX512VNNIGFNI ENABLE_AVX512AMX ENABLE_AVX512FP16)
    set(XNNPACK_${option} OFF CACHE INTERNAL "")
  endforeach()
  if(BEIT_VARIANT STREQUAL "native-fuzz-32")
    # There --gc-sections drops nothing of a file that is linked, so the kernels that it names have to be there.
    set(XNNPACK_MICROKERNEL_FILTER "^src/((f16|f32|qd8|qs8|qu8)[a-z0-9-]*-(gemm|igemm|dwconv|vmulcaddc)|x(16|32)-packw)/")
  elseif(NOT APPLE)
    # Kernels of the operators that src/ creates: a quarter of all. In wasm each has a form with SIMD.
    set(XNNPACK_MICROKERNEL_FILTER "^src/(f32-(gemm|igemm)|x32-packw)/")
    if(EMSCRIPTEN)
      string(APPEND XNNPACK_MICROKERNEL_FILTER ".*wasm(relaxed)?simd")
    endif()
  endif()
  set(XNNPACK_LIBRARY_TYPE static CACHE INTERNAL "")
  set(CCACHE_BINARY OFF CACHE INTERNAL "")  # else it has ccache compile all, ours too: whoever builds may name CMAKE_CXX_COMPILER_LAUNCHER
  # The targets exist already; without these three its configuration downloads them again.
  set(CPUINFO_SOURCE_DIR ${cpuinfo_SOURCE_DIR})
  set(FXDIV_SOURCE_DIR ${fxdiv_SOURCE_DIR})
  set(PTHREADPOOL_SOURCE_DIR ${pthreadpool_SOURCE_DIR})
  # Options of this folder are what the subfolder begins with; our own files must not have them.
  get_directory_property(ours COMPILE_OPTIONS)
  if(EMSCRIPTEN)
    set(CPUINFO_SOURCE_DIR ${CMAKE_BINARY_DIR}/no-cpuinfo)
    # Emscripten's tool chain says "x86" unless told otherwise; the patch gives these names a meaning.
    set(CMAKE_SYSTEM_PROCESSOR wasm)
    if(BEIT_VARIANT MATCHES "relaxed")
      set(CMAKE_SYSTEM_PROCESSOR wasmrelaxedsimd)
    endif()
    add_compile_options("SHELL:-include ${CMAKE_CURRENT_SOURCE_DIR}/cmake/xnnpack_wasm.h")
  endif()
  add_compile_options(-w)  # their warnings are not ours to mend
  add_subdirectory(${xnnpack_patched} ${CMAKE_BINARY_DIR}/xnnpack EXCLUDE_FROM_ALL)
  set_directory_properties(PROPERTIES COMPILE_OPTIONS "${ours}")
endfunction()
if(NOT APPLE)
  add_compile_options(-ffunction-sections -fdata-sections)  # what --gc-sections can drop; in our own files, too
endif()
beit_add_xnnpack()

set(unwanted subgraph)
if(BEIT_XNNPACK_IS_TRIMMED)
  set_property(TARGET operators PROPERTY SOURCES
    src/operator-delete.c src/operators/fully-connected-nc.c)
  get_target_property(sources XNNPACK SOURCES)
  list(FILTER sources EXCLUDE REGEX "/configs/")
  list(APPEND sources src/configs/gemm-config.c)
  set_property(TARGET XNNPACK PROPERTY SOURCES ${sources})
  list(APPEND unwanted datatype memory mutex normalization reference-ukernels)
endif()
foreach(property LINK_LIBRARIES INTERFACE_LINK_LIBRARIES)  # the second makes who links it wait for them
  get_target_property(objects XNNPACK ${property})
  foreach(name IN LISTS unwanted)
    list(REMOVE_ITEM objects ${name} $<LINK_ONLY:${name}>)
  endforeach()
  set_target_properties(XNNPACK PROPERTIES ${property} "${objects}")
endforeach()
if(NOT APPLE)
  target_link_options(XNNPACK INTERFACE LINKER:--gc-sections)  # drops what nothing calls, before it is resolved
endif()

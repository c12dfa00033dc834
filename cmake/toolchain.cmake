# Compiler settings that hold for every target of ours.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(VORTEX_PRESET "" CACHE STRING "name of the preset; put before the names of tests, so that several builds can be tested together")
set(VORTEX_SANITIZE "" CACHE STRING "value of -fsanitize, for example address,undefined")
option(VORTEX_FUZZ "build the fuzz targets and nothing else; needs clang" OFF)
option(VORTEX_PCH "precompile cmake/precompiled.h" OFF)

add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # The fuzz build; g++ is the compiler whose warnings are errors.
  add_compile_options(-Wno-error -Wno-sign-conversion)
endif()
# g++ 12 takes the frames of some coroutines, which Asio allocates and frees by functions of its own, for a mismatch.
add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)
# By itself g++ collects its garbage so often that it takes a tenth of the time.
add_compile_options("$<$<CXX_COMPILER_ID:GNU>:SHELL:--param ggc-min-heapsize=600000 --param ggc-min-expand=200>")
# Asio decides on aligned_alloc by what was included before it, differently from file to file; so it is told.
add_compile_definitions(ASIO_STANDALONE ASIO_NO_DEPRECATED ASIO_SEPARATE_COMPILATION ASIO_HAS_STD_ALIGNED_ALLOC=1)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_definitions(ASIO_HAS_CO_AWAIT ASIO_HAS_STD_COROUTINE)
endif()
# Assertions stay on in every build, so no NDEBUG. -g1 is enough for a stack trace and links in half the time.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g1 -D_GLIBCXX_ASSERTIONS")

if(VORTEX_SANITIZE)
  add_compile_options(-fsanitize=${VORTEX_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${VORTEX_SANITIZE})
endif()
if(VORTEX_SANITIZE STREQUAL "thread")
  # Asio puts fences around what its locks order already; the sanitizer sees the locks.
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
endif()
if(VORTEX_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(VORTEX_CCACHE ccache)
if(VORTEX_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # With the sloppiness, ccache trusts a precompiled header that it has seen the contents of.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${VORTEX_CCACHE})
endif()
find_program(VORTEX_MOLD mold)
if(VORTEX_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# vortex_precompile(TARGET): all targets share one precompiled header.
function(vortex_precompile target)
  if(VORTEX_PCH)
    target_precompile_headers(${target} REUSE_FROM vortex_precompiled)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # What g++ 12 says falsely about the inside of std::string, it keeps to itself unless the header is precompiled.
      target_compile_options(${target} PRIVATE -fpch-preprocess -Wno-array-bounds -Wno-restrict
                                               -Wno-stringop-overflow -Wno-stringop-overread)
    endif()
  endif()
endfunction()
if(VORTEX_PCH)
  file(CONFIGURE OUTPUT precompiled.cc CONTENT "")
  add_library(vortex_precompiled OBJECT ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_precompile_headers(vortex_precompiled PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled.h)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(vortex_precompiled PRIVATE -fpch-preprocess)
  endif()
endif()

# vortex_light(TARGET): code in which no time is spent while it runs, so little is spent on it when it is compiled.
function(vortex_light target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

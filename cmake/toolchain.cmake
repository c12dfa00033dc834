# Compiler settings that hold for every target of ours.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Werror -fno-omit-frame-pointer)
# Asio decides on aligned_alloc by what was included before it, differently from file to file; so it is told.
add_compile_definitions(ASIO_STANDALONE ASIO_NO_DEPRECATED ASIO_SEPARATE_COMPILATION ASIO_HAS_STD_ALIGNED_ALLOC=1)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_definitions(ASIO_HAS_CO_AWAIT ASIO_HAS_STD_COROUTINE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g1")

set(VORTEX_SANITIZE "" CACHE STRING "value of -fsanitize, for example address,undefined")
if(VORTEX_SANITIZE)
  add_compile_options(-fsanitize=${VORTEX_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${VORTEX_SANITIZE})
endif()

find_program(VORTEX_CCACHE ccache)
if(VORTEX_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${VORTEX_CCACHE})
endif()
find_program(VORTEX_MOLD mold)
if(VORTEX_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# vortex_room(NAME [PUBLIC libraries…] [PRIVATE libraries…]): the static library of one top-level folder, from all its
# .cc files. A room without any is only what it links to.
function(vortex_room name)
  cmake_parse_arguments(ROOM "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cc)
  if(sources)
    add_library(vortex_${name} STATIC ${sources})
    if(VORTEX_SANITIZE STREQUAL "thread")
      set_target_properties(vortex_${name} PROPERTIES EXCLUDE_FROM_ALL ON)  # only what a test there needs
    endif()
    target_include_directories(vortex_${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(vortex_${name} PUBLIC ${ROOM_PUBLIC} PRIVATE ${ROOM_PRIVATE})
    vortex_precompile(vortex_${name})
  else()
    add_library(vortex_${name} INTERFACE)
    target_link_libraries(vortex_${name} INTERFACE ${ROOM_PUBLIC})
  endif()
endfunction()

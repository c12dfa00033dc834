# vortex_room(NAME [PUBLIC libraries…] [PRIVATE libraries…]): the static library of one top-level folder, from all its
# .cc files.
function(vortex_room name)
  cmake_parse_arguments(ROOM "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cc)
  if(sources)
    add_library(vortex_${name} STATIC ${sources})
    target_include_directories(vortex_${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(vortex_${name} PUBLIC ${ROOM_PUBLIC} PRIVATE ${ROOM_PRIVATE})
  else()
    add_library(vortex_${name} INTERFACE)
    target_link_libraries(vortex_${name} INTERFACE ${ROOM_PUBLIC})
  endif()
endfunction()

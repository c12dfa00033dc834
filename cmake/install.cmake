# What `cmake --install` puts where: programs, the library for programs that embed us, pages, completions, the service.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# All rooms as one static library; what it stands on is named by its pkg-config file and its CMake package.
add_library(libvortex STATIC)
foreach(room base net wal chunker dht node)
  target_sources(libvortex PRIVATE $<TARGET_OBJECTS:vortex_${room}>)
endforeach()
set_target_properties(libvortex PROPERTIES OUTPUT_NAME vortex EXPORT_NAME vortex LINKER_LANGUAGE CXX)
# What its functions are called is enough; where each line lies would take four times the space.
add_custom_command(TARGET libvortex POST_BUILD COMMAND ${CMAKE_STRIP} --strip-debug $<TARGET_FILE:libvortex> VERBATIM)
target_compile_features(libvortex INTERFACE cxx_std_20)
target_include_directories(libvortex INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(libvortex INTERFACE OpenSSL::SSL OpenSSL::Crypto PkgConfig::XXHASH PkgConfig::LZ4 PkgConfig::ISAL Threads::Threads)

install(TARGETS vortex vortex-node RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS libvortex EXPORT vortex ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${CMAKE_SOURCE_DIR}/node/api/vortex.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/vortex)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vortex)
install(EXPORT vortex NAMESPACE vortex:: FILE vortex-targets.cmake DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/vortex-config.cmake.in ${CMAKE_BINARY_DIR}/package/vortex-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/vortex-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/package/vortex-config.cmake ${CMAKE_BINARY_DIR}/package/vortex-config-version.cmake
  DESTINATION ${package_dir})

# The prefix is found from where the file lies, so that an installed tree can be moved.
file(RELATIVE_PATH prefix_from_pkgconfig /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_SOURCE_DIR}/cmake/vortex.pc.in ${CMAKE_BINARY_DIR}/package/vortex.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/package/vortex.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Pages and completions, made from the declarations of commands and settings.
set(pages_dir ${CMAKE_BINARY_DIR}/pages)
add_custom_command(OUTPUT ${pages_dir}/vortex.1 ${pages_dir}/vortex-node.8 ${pages_dir}/vortex.bash ${pages_dir}/_vortex
  COMMAND ${CMAKE_COMMAND} -E make_directory ${pages_dir}
  COMMAND vortex-pages ${pages_dir}
  DEPENDS vortex-pages VERBATIM)
add_custom_target(pages ALL DEPENDS ${pages_dir}/vortex.1)
install(FILES ${pages_dir}/vortex.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${pages_dir}/vortex-node.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${pages_dir}/vortex.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME vortex)
install(FILES ${pages_dir}/_vortex DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/tools/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(FILES ${CMAKE_SOURCE_DIR}/scripts/package.d/vortex-node.service DESTINATION lib/systemd/system)
install(FILES ${CMAKE_SOURCE_DIR}/scripts/package.d/node.json DESTINATION ${CMAKE_INSTALL_DOCDIR})
include(package)

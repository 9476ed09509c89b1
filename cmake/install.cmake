# cmake --install: the library, its headers, and what makes find_package and
# pkg-config find it. A package may be split into the components
# relaunch_runtime (a shared library, the licence), relaunch_development and
# relaunch_documentation.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/relaunch)
set(documents_folder ${CMAKE_INSTALL_DATAROOTDIR}/doc/relaunch)
set(development COMPONENT relaunch_development)

install(TARGETS relaunch EXPORT relaunchTargets
  RUNTIME COMPONENT relaunch_runtime
  LIBRARY COMPONENT relaunch_runtime NAMELINK_COMPONENT relaunch_development
  ARCHIVE ${development}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# A file of its own: the core needs no Boost, and must not ask for it.
install(TARGETS relaunch_asio EXPORT relaunchAsioTargets)
foreach(export relaunchTargets relaunchAsioTargets)
  install(EXPORT ${export} NAMESPACE relaunch::
          DESTINATION ${package_folder} ${development})
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/relaunch
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${development}
        FILES_MATCHING PATTERN *.hpp)

# A shared library keeps what it needs to itself.
get_target_property(library_type relaunch TYPE)
set(RELAUNCH_NEEDS_THREADS OFF)
if(library_type STREQUAL "STATIC_LIBRARY" AND NOT WIN32)
  set(RELAUNCH_NEEDS_THREADS ON)
endif()
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/relaunchConfig.cmake.in
  ${PROJECT_BINARY_DIR}/package/relaunchConfig.cmake
  INSTALL_DESTINATION ${package_folder}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/package/relaunchConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/relaunchConfig.cmake
              ${PROJECT_BINARY_DIR}/package/relaunchConfigVersion.cmake
        DESTINATION ${package_folder} ${development})

# pkg-config: relative to the file itself, so that the folder can be moved.
set(pc_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(pc_prefix ${CMAKE_INSTALL_PREFIX})
set(pc_libdir ${CMAKE_INSTALL_FULL_LIBDIR})
set(pc_includedir ${CMAKE_INSTALL_FULL_INCLUDEDIR})
set(pc_cflags)
set(pc_libs)
if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR} AND
   NOT IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
  file(RELATIVE_PATH up /prefix/${pc_folder} /prefix)
  string(REGEX REPLACE "/$" "" up "${up}")
  set(pc_prefix "\${pcfiledir}/${up}")
  set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
  set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
get_target_property(definitions relaunch INTERFACE_COMPILE_DEFINITIONS)
if(definitions)
  list(TRANSFORM definitions PREPEND " -D" OUTPUT_VARIABLE pc_cflags)
  list(JOIN pc_cflags "" pc_cflags)
endif()
# An archive cannot say what it needs; without it nobody can link.
if(library_type STREQUAL "STATIC_LIBRARY")
  set(pc_libs " -pthread")
  if(WIN32)
    list(TRANSFORM system_libraries PREPEND " -l" OUTPUT_VARIABLE pc_libs)
    list(JOIN pc_libs "" pc_libs)
  endif()
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/relaunch.pc.in
               ${PROJECT_BINARY_DIR}/package/relaunch.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/relaunch.pc
        DESTINATION ${pc_folder} ${development})

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE
        DESTINATION ${documents_folder} COMPONENT relaunch_runtime)
install(FILES ${PROJECT_SOURCE_DIR}/README.md
              ${PROJECT_SOURCE_DIR}/CHANGELOG.md
              ${PROJECT_SOURCE_DIR}/SECURITY.md
        DESTINATION ${documents_folder} COMPONENT relaunch_documentation)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs
        DESTINATION ${documents_folder} COMPONENT relaunch_documentation
        FILES_MATCHING PATTERN *.md PATTERN *.svg)
if(TARGET relaunch_command)
  install(TARGETS relaunch_command RUNTIME COMPONENT relaunch_runtime)
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    # Examples to copy and change, hence not where systemd looks.
    set(units ${PROJECT_SOURCE_DIR}/packaging/systemd)
    set(units_folder ${CMAKE_INSTALL_DATAROOTDIR}/relaunch/systemd)
    install(FILES ${units}/relaunch.service ${units}/relaunch.socket
            DESTINATION ${units_folder} COMPONENT relaunch_runtime)
    install(FILES ${units}/hello.service
            DESTINATION ${units_folder} COMPONENT relaunch_documentation)
  endif()
endif()

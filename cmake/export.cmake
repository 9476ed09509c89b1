# The build folder as a package, so that a program outside can be built against
# it: find_package(relaunch) with relaunch_DIR set to this build folder.
set_target_properties(relaunch_asio PROPERTIES EXPORT_NAME asio)
set(exported relaunch relaunch_asio relaunch_dependencies relaunch_warnings)
foreach(optional relaunch_host_headers boost_program_options hello_server)
  if(TARGET ${optional})
    list(APPEND exported ${optional})
  endif()
endforeach()
export(TARGETS ${exported} NAMESPACE relaunch::
       FILE ${PROJECT_BINARY_DIR}/relaunchTargets.cmake)
configure_file(${PROJECT_SOURCE_DIR}/cmake/relaunchConfig.cmake.in
               ${PROJECT_BINARY_DIR}/relaunchConfig.cmake @ONLY)

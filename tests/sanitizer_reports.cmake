# cmake -D FOLDER=… -P sanitizer_reports.cmake begin|end: empties the folder in
# which sanitizers leave their reports; fails if there are any, and shows them.
cmake_minimum_required(VERSION 3.25)
math(EXPR last "${CMAKE_ARGC} - 1")
if(CMAKE_ARGV${last} STREQUAL "begin")
  file(REMOVE_RECURSE ${FOLDER})
  file(MAKE_DIRECTORY ${FOLDER})
  return()
endif()

file(GLOB reports ${FOLDER}/*)
foreach(report IN LISTS reports)
  file(READ ${report} text)
  message("${report}:\n${text}")
endforeach()
if(reports)
  message(FATAL_ERROR "there are sanitizer reports, see above")
endif()

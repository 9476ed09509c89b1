# cmake -D FOLDER=… -P sanitizer_reports.cmake begin|end: empties the folder in
# which sanitizers leave their reports; fails if there are any, and shows them.
cmake_minimum_required(VERSION 3.25)
math(EXPR last "${CMAKE_ARGC} - 1")
if(CMAKE_ARGV${last} STREQUAL "begin")
  file(REMOVE_RECURSE ${FOLDER})
  file(MAKE_DIRECTORY ${FOLDER})
  return()
endif()

# A process that is killed while it looks for leaks leaves an empty one, or says
# that it cannot read the registers of a thread: both are no finding.
file(GLOB reports ${FOLDER}/*)
set(findings 0)
foreach(report IN LISTS reports)
  file(READ ${report} text)
  string(REGEX REPLACE "==[0-9]+==Unable to get registers from thread [0-9]+\\.\n?"
         "" rest "${text}")
  if(rest MATCHES "[^ \n]")
    message("${report}:\n${text}")
    math(EXPR findings "${findings} + 1")
  endif()
endforeach()
if(findings)
  message(FATAL_ERROR "there are sanitizer reports, see above")
endif()

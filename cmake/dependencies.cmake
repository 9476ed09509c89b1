# What the library is built with. Everything is found in the system's packages
# or by vcpkg; a cross build for Windows takes the host's headers, since Boost,
# spdlog, fmt and xxHash are headers there.

if(CMAKE_CROSSCOMPILING AND WIN32)
  set(headers ${PROJECT_BINARY_DIR}/host-headers)
  file(MAKE_DIRECTORY ${headers})
  foreach(entry boost spdlog fmt xxhash.h)
    if(NOT EXISTS /usr/include/${entry})
      message(FATAL_ERROR
        "/usr/include/${entry} is missing: run ./ci/setup, or install the "
        "development packages of Boost, spdlog, fmt and xxHash")
    endif()
    file(CREATE_LINK /usr/include/${entry} ${headers}/${entry} SYMBOLIC)
  endforeach()
  add_library(relaunch_host_headers INTERFACE)
  target_include_directories(relaunch_host_headers SYSTEM INTERFACE ${headers})
  target_compile_definitions(relaunch_host_headers INTERFACE
    BOOST_ALL_NO_LIB FMT_HEADER_ONLY SPDLOG_FMT_EXTERNAL)
  foreach(name Boost::headers spdlog::spdlog)
    if(NOT TARGET ${name})
      add_library(${name} INTERFACE IMPORTED)
      target_link_libraries(${name} INTERFACE relaunch_host_headers)
    endif()
  endforeach()
  # The one compiled Boost library: from Debian's source of the same version.
  set(RELAUNCH_PROGRAM_OPTIONS ${PROJECT_SOURCE_DIR}/build/program-options
      CACHE PATH "Where ci/fetch-program-options laid out its sources")
  file(GLOB program_options_sources CONFIGURE_DEPENDS
       ${RELAUNCH_PROGRAM_OPTIONS}/src/*.cpp)
  if(program_options_sources)
    add_library(boost_program_options STATIC EXCLUDE_FROM_ALL
                ${program_options_sources})
    target_link_libraries(boost_program_options PUBLIC relaunch_host_headers)
    target_compile_options(boost_program_options PRIVATE -w)
    add_library(Boost::program_options ALIAS boost_program_options)
  elseif(RELAUNCH_EXAMPLES)
    message(FATAL_ERROR
      "no sources of Boost.Program_options in ${RELAUNCH_PROGRAM_OPTIONS}: "
      "run ./ci/setup")
  endif()
else()
  set(Boost_NO_WARN_NEW_VERSIONS ON)
  if(RELAUNCH_EXAMPLES)
    find_package(Boost ${RELAUNCH_BOOST_MINIMUM} REQUIRED
                 COMPONENTS program_options)
    find_package(spdlog REQUIRED)
  elseif(RELAUNCH_COMMAND)
    # Without them there is no command.
    find_package(Boost ${RELAUNCH_BOOST_MINIMUM} REQUIRED
                 OPTIONAL_COMPONENTS program_options)
    find_package(spdlog QUIET)
  else()
    find_package(Boost ${RELAUNCH_BOOST_MINIMUM} REQUIRED)
  endif()
  find_path(RELAUNCH_XXHASH_INCLUDE xxhash.h REQUIRED)
endif()

# The line that names the version, for those who use what is installed.
set(boost_headers ${Boost_INCLUDE_DIRS})
if(TARGET relaunch_host_headers)
  set(boost_headers ${headers})
endif()
file(STRINGS "${boost_headers}/boost/version.hpp" RELAUNCH_BOOST_VERSION
     REGEX "^#define BOOST_LIB_VERSION ")

add_library(relaunch_dependencies INTERFACE)
target_link_libraries(relaunch_dependencies INTERFACE Boost::headers)
if(RELAUNCH_XXHASH_INCLUDE)
  target_include_directories(relaunch_dependencies SYSTEM INTERFACE
                             ${RELAUNCH_XXHASH_INCLUDE})
endif()
if(WIN32)
  # Windows 10 is the oldest system; Asio and spdlog include windows.h, so the
  # lean and macro-free form must hold everywhere.
  set(windows_definitions
    WIN32_LEAN_AND_MEAN NOMINMAX _WIN32_WINNT=0x0A00 UNICODE _UNICODE)
  if(TARGET relaunch_host_headers)
    target_compile_definitions(relaunch_host_headers INTERFACE
                               ${windows_definitions})
  else()
    target_compile_definitions(relaunch_dependencies INTERFACE
      ${windows_definitions} BOOST_ALL_NO_LIB _CRT_SECURE_NO_WARNINGS)
  endif()
endif()

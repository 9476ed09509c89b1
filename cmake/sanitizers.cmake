# RELAUNCH_SANITIZE: what every target is compiled and linked with, GoogleTest
# too. Included before the first target.
if(NOT RELAUNCH_SANITIZE)
  return()
endif()

string(REPLACE ";" "," sanitizers "${RELAUNCH_SANITIZE}")
set(sanitizer_flags -fsanitize=${sanitizers} -fno-sanitize-recover=all
                    -fno-omit-frame-pointer)
if(WIN32)
  # mingw-w64 has no runtime for it: undefined behaviour ends the program there
  # and then, by an illegal instruction.
  list(APPEND sanitizer_flags -fsanitize-undefined-trap-on-error)
endif()
# clang 14 cannot compile a coroutine with this one.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND sanitizers MATCHES "undefined")
  list(APPEND sanitizer_flags -fno-sanitize=function)
endif()
add_compile_options(${sanitizer_flags})
add_link_options(${sanitizer_flags})
# Asio has fences beside its atomic counters. ThreadSanitizer does not follow
# them, and needs not: what they order is under a mutex as well.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND sanitizers MATCHES "thread")
  add_compile_options(-Wno-tsan)
endif()

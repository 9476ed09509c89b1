# Toolchain: Linux -> Windows x86_64 with Debian 12's mingw-w64 (gcc 12, posix threads); tests run under Wine.
#   apt-get install g++-mingw-w64-x86-64-posix wine wine64
# cmake -B build-win -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/mingw-w64.cmake
# -DMINGW_CLANG=ON (clang and lld, gcc's libstdc++) gives a second compiler; then MINGW_CLANG_SUFFIX=-16 picks the version.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_VERSION 10.0)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(_triple x86_64-w64-mingw32)

if(MINGW_CLANG)
  set(_gcc /usr/lib/gcc/${_triple}/12-posix)      # Debian's clang does not find a folder named "12-posix" by itself
  set(CMAKE_C_COMPILER clang${MINGW_CLANG_SUFFIX})
  set(CMAKE_CXX_COMPILER clang++${MINGW_CLANG_SUFFIX})
  set(CMAKE_C_COMPILER_TARGET ${_triple})
  set(CMAKE_CXX_COMPILER_TARGET ${_triple})
  # What gcc has built in for this target and libstdc++.a was compiled with; clang must be told.
  # -femulated-tls: libstdc++.a was built by gcc with emulated TLS (std::call_once, std::async do not link without it)
  set(CMAKE_C_FLAGS_INIT "-femulated-tls")
  set(CMAKE_CXX_FLAGS_INIT
      "-femulated-tls -D__GXX_MERGED_TYPEINFO_NAMES=0 -D__GXX_TYPEINFO_EQUALITY_INLINE=0 -nostdinc++ -isystem ${_gcc}/include/c++ -isystem ${_gcc}/include/c++/${_triple} -isystem ${_gcc}/include/c++/backward")
  find_program(MINGW_LLD NAMES ld.lld${MINGW_CLANG_SUFFIX} ld.lld REQUIRED)
  set(_link "-fuse-ld=${MINGW_LLD} -L${_gcc} -pthread -static")
else()
  set(CMAKE_C_COMPILER ${_triple}-gcc-posix)
  set(CMAKE_CXX_COMPILER ${_triple}-g++-posix)
  set(_link "-static")                            # libstdc++, libgcc, winpthread inside the .exe: it needs system DLLs only
endif()
set(CMAKE_RC_COMPILER ${_triple}-windres)
set(CMAKE_EXE_LINKER_FLAGS_INIT "${_link}")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "${_link}")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MINGW_CLANG MINGW_CLANG_SUFFIX)

set(CMAKE_FIND_ROOT_PATH /usr/${_triple})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/wine-run)

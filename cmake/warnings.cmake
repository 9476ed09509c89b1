# What a developer build must compile without.
add_library(relaunch_warnings INTERFACE)
if(MSVC)
  # /bigobj: a coroutine server with Beast has more sections than the format
  # takes. 4324: a structure is padded because it asked for that.
  target_compile_options(relaunch_warnings INTERFACE
    /W4 /wd4324 /permissive- /Zc:__cplusplus /Zc:preprocessor /utf-8 /bigobj
    $<$<BOOL:${RELAUNCH_DEVELOPER}>:/WX>)
else()
  target_compile_options(relaunch_warnings INTERFACE
    -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    $<$<BOOL:${RELAUNCH_DEVELOPER}>:-Werror>)
endif()

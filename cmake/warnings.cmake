# What a developer build must compile without.
add_library(relaunch_warnings INTERFACE)
if(MSVC)
  target_compile_options(relaunch_warnings INTERFACE /W4 /permissive- /utf-8
    $<$<BOOL:${RELAUNCH_DEVELOPER}>:/WX>)
else()
  target_compile_options(relaunch_warnings INTERFACE
    -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    $<$<BOOL:${RELAUNCH_DEVELOPER}>:-Werror>)
endif()

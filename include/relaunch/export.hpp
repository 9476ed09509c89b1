// Marks what the shared library exports; everything else in it is hidden.
#pragma once

#if defined(RELAUNCH_STATIC)
#define RELAUNCH_EXPORT
#elif defined(_WIN32) && defined(RELAUNCH_BUILDING)
#define RELAUNCH_EXPORT __declspec(dllexport)
#elif defined(_WIN32)
#define RELAUNCH_EXPORT __declspec(dllimport)
#else
#define RELAUNCH_EXPORT __attribute__((visibility("default")))
#endif

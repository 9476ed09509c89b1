// Marks what the shared library exports; everything else in it is hidden.
#pragma once

// RELAUNCH_EXPORT: a function, or a class with functions, of the library.
#if defined(RELAUNCH_STATIC)
#define RELAUNCH_EXPORT
#elif defined(_WIN32) && defined(RELAUNCH_BUILDING)
#define RELAUNCH_EXPORT __declspec(dllexport)
#elif defined(_WIN32)
#define RELAUNCH_EXPORT __declspec(dllimport)
#else
#define RELAUNCH_EXPORT __attribute__((visibility("default")))
#endif

// RELAUNCH_EXCEPTION: a class without functions in the library, that is thrown
// out of it and must be one type on both sides. Windows compares names.
#if defined(RELAUNCH_STATIC) || defined(_WIN32)
#define RELAUNCH_EXCEPTION
#else
#define RELAUNCH_EXCEPTION __attribute__((visibility("default")))
#endif

// Boost.JSON, compiled once into the library.
#include <boost/json/src.hpp>

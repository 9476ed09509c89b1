// What came from elsewhere, made fit for a terminal, a log or a JSON document.
#pragma once

#include <string>
#include <string_view>

namespace hello {

/// One line: control characters become \xNN, tabs stay.
std::string printable(std::string_view raw);

/// With its quotes. Bytes outside ASCII pass as they are.
std::string json_string(std::string_view raw);

}  // namespace hello

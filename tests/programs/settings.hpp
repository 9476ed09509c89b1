// The words KEY=VALUE that test programs are started with.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "relaunch/upgrader.hpp"

namespace relaunch::test {

using Settings = std::multimap<std::string, std::string, std::less<>>;

/// All but the first of these.
Settings read_settings(const std::vector<std::string>& words);
std::string setting(const Settings& settings, std::string_view key,
                    std::string otherwise = {});
std::vector<std::string> all_settings(const Settings& settings,
                                      std::string_view key);
/// Each deadline by its name, in milliseconds; "build_deadline".
Deadlines read_deadlines(const Settings& settings);
/// `number` stays as it is if the key is not there.
void read_number(const Settings& settings, std::string_view key,
                 unsigned& number);

}  // namespace relaunch::test

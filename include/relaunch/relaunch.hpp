// All of the library's own surface. Adapters: relaunch/asio.hpp,
// relaunch/spdlog.hpp.
#pragma once

#include "relaunch/error.hpp"
#include "relaunch/listener.hpp"
#include "relaunch/log.hpp"
#include "relaunch/native.hpp"
#include "relaunch/outcome.hpp"
#include "relaunch/upgrader.hpp"

// Established connections between this process and a child, and children with
// one end of a link.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "common/os/channel.hpp"
#include "common/os/handle.hpp"
#include "common/os/process.hpp"

namespace relaunch::bench {

inline constexpr char kChannel[] = "RELAUNCH_BENCH_CHANNEL";
/// What the application keeps of each.
inline constexpr std::size_t kStateBytes = 1024;
inline constexpr std::chrono::milliseconds kPatience{60'000};

/// Its end is test::passed_handle(kChannel).
struct Child {
  Child(const char* name, const std::vector<std::string>& args);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  std::shared_ptr<os::Process> process;
  os::Handle ours;
};

/// So many; the clients are a child of this name, whose first arguments are
/// the address and the number.
class Connected {
 public:
  explicit Connected(std::size_t count,
                     const char* clients = "connecting_clients");
  std::vector<os::Socket>& sockets() { return sockets_; }
  Child& clients() { return *clients_; }

 private:
  std::vector<os::Socket> sockets_;
  std::unique_ptr<Child> clients_;
};

/// In the child.
std::vector<os::Socket> connect_all(const std::vector<std::string>& args);

}  // namespace relaunch::bench

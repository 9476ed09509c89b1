// What the tests here need inside the namespaces of a booted systemd.
//   load PORT fresh|kept|unrefused
//                      requests until the end of the input; then a report.
//                      Ends with 1 if a single one has failed, or was refused.
//   post PORT PATH     one request; prints the answer's body.
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "common/os/system.hpp"
#include "support/http.hpp"
#include "support/load_client.hpp"

namespace relaunch::test {
namespace {

using std::chrono::seconds;

int load(std::uint16_t port, const std::string& connections) {
  LoadPlan plan;
  plan.port = port;
  plan.connections =
      connections == "kept" ? Connections::kept : Connections::fresh;
  LoadClient client{plan};
  // A test may begin with requests for whom nobody is there yet.
  if (client.wait_for_answers(1, seconds{20})) {
    std::cout << "answered" << std::endl;
  }
  std::string line;
  while (std::getline(std::cin, line)) continue;
  const LoadReport report = client.stop();
  std::cout << report.text() << std::endl;
  const auto refused = static_cast<std::size_t>(Failure::refused);
  const auto failed = connections == "unrefused" ? report.failures.at(refused)
                                                 : report.failed();
  return failed == 0 && report.ok > 0 ? 0 : 1;
}

int post(std::uint16_t port, const std::string& path) {
  HttpRequest request;
  request.method = "POST";
  request.path = path;
  const auto answer = http_call(port, request, seconds{30});
  if (!answer) {
    std::cerr << answer.error().text() << std::endl;
    return 1;
  }
  std::cout << answer->body << std::endl;
  return answer->status == 200 ? 0 : 1;
}

int run(const std::vector<std::string>& words) {
  if (words.size() != 4) return 2;
  const auto port = static_cast<std::uint16_t>(std::stoi(words[2]));
  return words[1] == "load" ? load(port, words[3]) : post(port, words[3]);
}

}  // namespace
}  // namespace relaunch::test

int main() {
  return relaunch::test::run(relaunch::os::own_arguments().value());
}

// hello: the smallest real server that replaces itself.
#include <exception>
#include <iostream>

#include "application.hpp"
#include "failure.hpp"
#include "options.hpp"

namespace {

int complain(hello::ExitCode code, const char* line) {
  std::cerr << "hello: " << line << '\n';
  return static_cast<int>(code);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto command_line = hello::read_command_line(argc, argv);
    if (command_line.text) {
      std::cout << *command_line.text;
      return 0;
    }
    hello::serve(command_line.options);
    return 0;
  } catch (const hello::Failure& failure) {
    return complain(failure.code(), failure.what());
  } catch (const std::exception& error) {
    return complain(hello::ExitCode::internal, error.what());
  }
}

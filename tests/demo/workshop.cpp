#include "demo/workshop.hpp"

#include <boost/asio/io_context.hpp>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "common/base/text.hpp"
#include "common/build/runner.hpp"
#include "common/os/files.hpp"

namespace relaunch::demo {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw std::runtime_error("cannot read " + text::utf8(file));
  return bytes;
}

void write(const fs::path& file, const std::string& bytes) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) throw std::runtime_error("cannot write " + text::utf8(file));
}

}  // namespace

Workshop::Workshop(fs::path source, std::string folder)
    : folder_(std::move(folder)) {
  remove();  // what an interrupted run has left
  fs::create_directories(path("source"));
  for (const auto& entry : fs::directory_iterator(fs::absolute(source))) {
    if (!entry.is_regular_file()) continue;
    fs::copy_file(entry.path(), path("source") / entry.path().filename());
  }
  greeting_ = read(path("source/greeting.cpp"));
}

bool Workshop::run(const Words& command, const OnLine& on_line) const {
  boost::asio::io_context io{1};
  build::Runner runner(io);
  std::optional<build::Finished> finished;
  runner.start({command, {}, os::own_environment()}, on_line,
               [&](build::Finished end) { finished = std::move(end); });
  while (!finished) io.run_one();
  if (finished->error) on_line(finished->error->text());
  return !finished->error;
}

void Workshop::edit(const std::vector<Edit>& edits) const {
  std::string text = greeting_;
  for (const Edit& edit : edits) {
    const std::size_t at = text.find(edit.before);
    if (at == text.npos) {
      throw std::runtime_error("greeting.cpp has no '" +
                               std::string(edit.before) + "' to change");
    }
    text.replace(at, edit.before.size(), edit.after);
  }
  write(path("source/greeting.cpp"), text);
}

void Workshop::remove() const {
  // Releases are read-only, which keeps Windows from removing them plainly.
  os::remove_if_possible(fs::absolute(folder_));
}

}  // namespace relaunch::demo

#include "common/handover/provisions.hpp"

#include <utility>

#include "common/base/text.hpp"
#include "common/protocol/message.hpp"

namespace relaunch::handover {
namespace {

Error in_use(std::string_view kind, const std::string& name) {
  return {errc::invalid_argument,
          text::cat(kind, " '", name, "' is provided already")};
}

Error none(std::string_view kind, const std::string& name,
           std::string_view other) {
  return {errc::handover_refused,
          text::cat("there is no ", kind, " '", name, "'",
                    other.empty() ? "" : ", but a ", other,
                    other.empty() ? "" : " of that name")};
}

}  // namespace

Result<void> Provisions::add_state(const std::string& name, StateOffer offer) {
  if (auto checked = protocol::check_name(name); !checked) return checked;
  if (auto checked = protocol::check_name(offer.schema.tag); !checked) {
    return checked;
  }
  if (!offer.write) {
    return Error{
        errc::invalid_argument,
        text::cat("state '", name, "' has no function that writes it")};
  }
  const std::lock_guard lock{mutex_};
  if (states_.try_emplace(name, std::move(offer)).second) return {};
  return in_use("state", name);
}

Result<void> Provisions::add_file(const std::string& name, native_handle file) {
  if (auto checked = protocol::check_name(name); !checked) return checked;
  const auto facts = os::describe_file(file);
  if (!facts) return facts.error();
  auto ours = os::duplicate_handle(file);
  if (!ours) return ours.error();
  const std::lock_guard lock{mutex_};
  auto kept = std::make_shared<const ProvidedFile>(
      ProvidedFile{*facts, std::move(*ours)});
  if (files_.try_emplace(name, std::move(kept)).second) return {};
  return in_use("file", name);
}

void Provisions::remove_file(const std::string& name) {
  const std::lock_guard lock{mutex_};
  files_.erase(name);
}

Result<StateOffer> Provisions::state(const std::string& name) const {
  const std::lock_guard lock{mutex_};
  const auto found = states_.find(name);
  if (found != states_.end()) return found->second;
  return none("state", name, files_.contains(name) ? "file" : "");
}

Result<std::shared_ptr<const Provisions::ProvidedFile>> Provisions::file(
    const std::string& name) const {
  const std::lock_guard lock{mutex_};
  const auto found = files_.find(name);
  if (found != files_.end()) return found->second;
  return none("file", name, states_.contains(name) ? "state" : "");
}

}  // namespace relaunch::handover

#include "common/handover/state.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <exception>
#include <optional>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "common/os/shared_memory.hpp"
#include "common/protocol/message.hpp"

namespace relaunch {
namespace {

/// What is smaller waits for more: each piece takes a call of the system.
constexpr std::size_t kPieceBytes = 256 * 1024;

class Checksum {
 public:
  Checksum() { XXH3_64bits_reset(&state_); }
  void add(const void* bytes, std::size_t size) {
    XXH3_64bits_update(&state_, bytes, size);
  }
  std::string digest() const {
    constexpr char kDigits[] = "0123456789abcdef";
    const XXH64_hash_t hash = XXH3_64bits_digest(&state_);
    std::string digits;
    for (int shift = 60; shift >= 0; shift -= 4) {
      digits += kDigits[(hash >> shift) & 15];
    }
    return digits;
  }

 private:
  XXH3_state_t state_;
};

}  // namespace

struct StateWriter::Impl {
  Impl(os::SharedMemory memory_, std::uint64_t limit_,
       const std::atomic<bool>& cancelled_)
      : memory(std::move(memory_)), limit(limit_), cancelled(cancelled_) {}

  /// What was refused once makes a hole: nothing can follow it.
  void write(const char* bytes, std::size_t size) {
    if (failure) throw *failure;
    if (cancelled) throw Error{errc::stopped, "nobody waits for the state"};
    try {
      add(bytes, size);
    } catch (const Error& error) {
      failure = error;
      throw;
    }
  }
  void add(const char* bytes, std::size_t size) {
    if (size > limit - written) {
      throw Error{
          errc::invalid_argument,
          text::cat("cannot write a state: the limit is ", limit, " bytes")};
    }
    written += size;
    if (waiting.size() + size < kPieceBytes) {
      waiting.append(bytes, size);
      return;
    }
    flush();
    // Hashed while it is in the processor's cache, which a larger piece would
    // not be.
    while (size >= kPieceBytes) {
      put(bytes, kPieceBytes);
      bytes += kPieceBytes;
      size -= kPieceBytes;
    }
    waiting.assign(bytes, size);
  }
  void flush() {
    put(waiting.data(), waiting.size());
    waiting.clear();
  }
  void put(const char* bytes, std::size_t size) {
    memory.append(bytes, size).value();
    checksum.add(bytes, size);
  }

  os::SharedMemory memory;
  const std::uint64_t limit;
  const std::atomic<bool>& cancelled;
  std::string waiting;
  Checksum checksum;
  std::uint64_t written = 0;
  std::optional<Error> failure;
};

void StateWriter::write(const void* bytes, std::size_t size) {
  impl_.write(static_cast<const char*>(bytes), size);
}
std::uint64_t StateWriter::size() const { return impl_.written; }

struct State::Impl {
  explicit Impl(os::MappedMemory memory_) : memory(std::move(memory_)) {}

  os::MappedMemory memory;
};

State::State() noexcept = default;
State::State(std::unique_ptr<Impl> impl, StateSchema schema)
    : impl_(std::move(impl)), schema_(std::move(schema)) {}
State::State(std::string why_not) : why_not_(std::move(why_not)) {}
State::State(State&&) noexcept = default;
State& State::operator=(State&&) noexcept = default;
State::~State() = default;

const std::byte* State::data() const noexcept {
  return impl_ ? impl_->memory.data() : nullptr;
}
std::size_t State::size() const noexcept {
  return impl_ ? impl_->memory.size() : 0;
}
namespace handover {
namespace {

Error threw(const std::string& what) {
  return {errc::handover_refused, text::cat("its writer threw: ", what)};
}

}  // namespace

Result<WrittenState> write_state(const StateSchema& schema, std::uint64_t limit,
                                 const std::function<void(StateWriter&)>& write,
                                 const std::atomic<bool>& cancelled) {
  if (cancelled) return Error{errc::stopped, "nobody waits for the state"};
  os::fault("state.write");
  auto memory = os::SharedMemory::create(limit);
  if (!memory) return memory.error();
  StateWriter::Impl impl{std::move(*memory), limit, cancelled};
  try {
    StateWriter writer{impl};
    write(writer);
    impl.write(nullptr, 0);
    impl.flush();
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& failure) {
    return threw(text::printable(failure.what()));
  } catch (...) {
    return threw("no exception of the standard library");
  }
  auto sealed = impl.memory.seal();
  if (!sealed) return sealed.error();
  return WrittenState{schema, impl.memory.size(), impl.checksum.digest(),
                      std::move(*sealed)};
}

Result<State> read_state(const WrittenState& announced, os::Incoming& memory,
                         const StateWish& wish) {
  const auto refused = [](std::string_view why) {
    return Error{errc::handover_refused, std::string{why}};
  };
  os::fault("state.take");
  const auto* handle = std::get_if<os::Handle>(&memory);
  if (!handle) return refused("it came without its memory");
  if (auto fits = check_schema(announced.schema, wish); !fits) {
    return fits.error();
  }
  if (announced.bytes > wish.limit) {
    return refused(text::cat("it has ", announced.bytes,
                             " bytes, the limit is ", wish.limit));
  }
  auto mapped = os::MappedMemory::map(handle->get(), announced.bytes);
  if (!mapped) return mapped.error();
  Checksum checksum;
  checksum.add(mapped->data(), mapped->size());
  if (checksum.digest() != announced.checksum) {
    return refused("its checksum is another");
  }
  return State{std::make_unique<State::Impl>(std::move(*mapped)),
               announced.schema};
}

Result<void> check_schema(const StateSchema& schema, const StateWish& wish) {
  const bool fits = schema.tag == wish.schema.tag &&
                    schema.version >= wish.oldest_version &&
                    schema.version <= wish.schema.version;
  if (fits) return {};
  return Error{
      errc::handover_refused,
      text::cat("it is '", text::printable(schema.tag), "' version ",
                schema.version, ", wanted is '", wish.schema.tag, "' version ",
                wish.oldest_version, " to ", wish.schema.version)};
}

Result<void> check_wish(const StateWish& wish) {
  if (auto checked = protocol::check_name(wish.schema.tag); !checked) {
    return checked;
  }
  if (wish.oldest_version > wish.schema.version) {
    return Error{errc::invalid_argument,
                 "a state's oldest version is newer than its newest"};
  }
  if (wish.deadline.count() <= 0) {
    return Error{errc::invalid_argument,
                 "a state's deadline must be longer than zero"};
  }
  return {};
}

}  // namespace handover
}  // namespace relaunch

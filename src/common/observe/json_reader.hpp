// Members of a JSON object that somebody else may have written.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <string>
#include <string_view>

namespace relaunch::observe {

/// A member that is missing leaves what was there; one of another type or out
/// of range makes the object unusable.
class JsonReader {
 public:
  explicit JsonReader(const boost::json::object& in) : in_(in) {}

  bool fine() const { return fine_; }

  bool get(std::string_view key, std::string& out) {
    const boost::json::value* value = in_.if_contains(key);
    if (value == nullptr) return false;
    const boost::json::string* string = value->if_string();
    if (string == nullptr) return fail();
    out.assign(string->data(), string->size());
    return true;
  }

  template <typename Number>
  bool get(std::string_view key, Number& out) {
    const boost::json::value* value = in_.if_contains(key);
    if (value == nullptr) return false;
    boost::system::error_code failure;
    const Number number = value->to_number<Number>(failure);
    if (failure) return fail();
    out = number;
    return true;
  }

  bool get(std::string_view key, std::chrono::milliseconds& out) {
    std::int64_t count = 0;
    if (!get(key, count)) return false;
    out = std::chrono::milliseconds{count};
    return true;
  }

 private:
  bool fail() { return fine_ = false; }

  const boost::json::object& in_;
  bool fine_ = true;
};

}  // namespace relaunch::observe

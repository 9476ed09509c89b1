#include "common/release/tree_hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <memory>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "common/release/tree.hpp"

namespace relaunch::release {
namespace {

namespace fs = std::filesystem;
using Kind = TreeEntry::Kind;

constexpr std::size_t kPieceBytes = 256 * 1024;
/// Another way to hash would be another identity.
constexpr std::string_view kFormat = "relaunch tree 1\n";

class Hash {
 public:
  Hash() { XXH3_128bits_reset(&state_); }
  void add(std::string_view bytes) {
    XXH3_128bits_update(&state_, bytes.data(), bytes.size());
  }
  /// 16 bytes, the same on every machine.
  std::string digest() const {
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(&state_));
    return {reinterpret_cast<const char*>(bytes.digest), sizeof bytes.digest};
  }

 private:
  XXH3_state_t state_;
};

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

/// An entry is its kind, the length of its name, its name, and the hash of its
/// content: no two trees make the same bytes.
void add_entry(Hash& tree, Kind kind, std::string_view name,
               const std::string& content_digest) {
  constexpr char kMarks[] = {'d', 'f', 'x', 'l'};
  tree.add({&kMarks[static_cast<std::size_t>(kind)], 1});
  for (int shift = 0; shift < 32; shift += 8) {
    const char byte = static_cast<char>((name.size() >> shift) & 0xFF);
    tree.add({&byte, 1});
  }
  tree.add(name);
  tree.add(content_digest);
}

Error unreadable(const fs::path& file) {
  const int code = errno != 0 ? errno : EIO;
  return Error{{code, std::generic_category()},
               text::cat("cannot read ", file)};
}

Result<std::string> hash_file(const fs::path& path,
                              const std::atomic<bool>& cancelled) {
  errno = 0;
  std::ifstream file{path, std::ios::binary};
  if (!file) return unreadable(path);
  const auto piece = std::make_unique<std::array<char, kPieceBytes>>();
  Hash hash;
  while (file) {
    if (cancelled) {
      return Error{errc::stopped, text::cat("cannot read ", path)};
    }
    errno = 0;
    file.read(piece->data(), piece->size());
    hash.add({piece->data(), static_cast<std::size_t>(file.gcount())});
  }
  if (file.bad() || !file.eof()) return unreadable(path);
  return hash.digest();
}

Result<std::string> hash_content(const TreeEntry& entry,
                                 const std::atomic<bool>& cancelled) {
  if (entry.kind == Kind::file || entry.kind == Kind::program) {
    return hash_file(entry.path, cancelled);
  }
  Hash hash;
  hash.add(text::utf8(fs::path{entry.leads_to.generic_u8string()}));
  return hash.digest();
}

}  // namespace

Result<std::string> hash_tree(const fs::path& root,
                              const std::atomic<bool>& cancelled) {
  const auto entries = list_tree(root);
  if (!entries) return entries.error();
  Hash tree;
  tree.add(kFormat);
  for (const TreeEntry& entry : *entries) {
    const auto content = hash_content(entry, cancelled);
    if (!content) return content.error();
    add_entry(tree, entry.kind, entry.name, *content);
  }
  return hex(tree.digest());
}

Result<std::string> hash_open_file(native_handle file, std::string_view name,
                                   bool executable) {
  if (auto rewound = os::rewind_file(file); !rewound) return rewound.error();
  Hash content;
  for (;;) {
    const auto piece = os::read_some(file, kPieceBytes);
    if (!piece) return piece.error();
    if (piece->empty()) break;
    content.add(*piece);
  }
  Hash tree;
  tree.add(kFormat);
  add_entry(tree, executable ? Kind::program : Kind::file, name,
            content.digest());
  return hex(tree.digest());
}

}  // namespace relaunch::release

#include "win32/access.hpp"

#include <array>
#include <utility>

#include "common/base/text.hpp"

// They need the types of windows.h.
#include <aclapi.h>
#include <sddl.h>

namespace relaunch::os::win32 {

namespace {

using text::cat;

/// What changes a folder or what is in it.
/// https://learn.microsoft.com/windows/win32/fileio/file-access-rights-constants
constexpr ACCESS_MASK kChanges = FILE_ADD_FILE | FILE_ADD_SUBDIRECTORY |
                                 FILE_DELETE_CHILD | DELETE | WRITE_DAC |
                                 WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;

/// The system writes a pointer to the SID into the very bytes that hold it:
/// they must never move, so they are on the heap.
struct User {
  struct Bytes {
    alignas(TOKEN_USER) std::array<char, sizeof(TOKEN_USER) + 256> bytes{};
  };
  std::unique_ptr<Bytes> held = std::make_unique<Bytes>();
  PSID sid() const {
    return reinterpret_cast<TOKEN_USER*>(held->bytes.data())->User.Sid;
  }
};

Result<User> user_of(HANDLE token) {
  User user;
  auto& bytes = user.held->bytes;
  DWORD size = 0;
  if (!GetTokenInformation(token, TokenUser, bytes.data(),
                           static_cast<DWORD>(bytes.size()), &size)) {
    return failure("cannot tell a process's user: GetTokenInformation");
  }
  return user;
}

Result<Handle> token_of(HANDLE process) {
  HANDLE token = nullptr;
  if (!OpenProcessToken(process, TOKEN_QUERY | TOKEN_DUPLICATE, &token)) {
    return failure("cannot tell a process's user: OpenProcessToken");
  }
  return Handle{token};
}

Result<User> own_user() {
  const auto token = token_of(GetCurrentProcess());
  if (!token) return token.error();
  return user_of(token->get());
}

bool is_administrator(HANDLE token) {
  HANDLE raw = nullptr;
  if (!DuplicateToken(token, SecurityIdentification, &raw)) return false;
  const Handle own{raw};
  alignas(SID) std::array<char, SECURITY_MAX_SID_SIZE> sid{};
  DWORD size = static_cast<DWORD>(sid.size());
  BOOL member = FALSE;
  return CreateWellKnownSid(WinBuiltinAdministratorsSid, nullptr, sid.data(),
                            &size) &&
         CheckTokenMembership(own.get(), sid.data(), &member) && member;
}

bool may_change(const User& ours, PSID sid) {
  return EqualSid(sid, ours.sid()) || IsWellKnownSid(sid, WinLocalSystemSid) ||
         IsWellKnownSid(sid, WinBuiltinAdministratorsSid);
}

/// Who is granted something that changes the folder, and should not be.
bool lets_others_change(const User& ours, ACL* list) {
  if (list == nullptr) return true;  // no list: everything to everybody
  for (DWORD i = 0; i < list->AceCount; ++i) {
    void* raw = nullptr;
    if (!GetAce(list, i, &raw)) return true;
    auto* const entry = static_cast<ACCESS_ALLOWED_ACE*>(raw);
    const bool here = (entry->Header.AceFlags & INHERIT_ONLY_ACE) == 0;
    if (entry->Header.AceType != ACCESS_ALLOWED_ACE_TYPE || !here) continue;
    if ((entry->Mask & kChanges) == 0) continue;
    if (!may_change(ours, &entry->SidStart)) return true;
  }
  return false;
}

}  // namespace

Result<SecurityDescriptor> only_for(Openers openers) {
  const auto user = own_user();
  if (!user) return user.error();
  wchar_t* sid = nullptr;
  if (!ConvertSidToStringSidW(user->sid(), &sid)) {
    return failure("cannot name this user: ConvertSidToStringSidW");
  }
  const std::unique_ptr<wchar_t, FreeLocal> freed{sid};
  const std::wstring all =
      openers == Openers::trusted_inside ? L"(A;OICI;FA;;;" : L"(A;;GA;;;";
  std::wstring list = L"D:P" + all + sid + L")";
  if (openers != Openers::owner) list += all + L"SY)" + all + L"BA)";
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(
          list.c_str(), SDDL_REVISION_1, &descriptor, nullptr)) {
    return failure(
        "cannot describe who may open it: "
        "ConvertStringSecurityDescriptorToSecurityDescriptorW");
  }
  return SecurityDescriptor{descriptor};
}

bool is_trusted(DWORD pid) {
  const Handle process =
      own(OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid));
  if (!process) return false;
  const auto theirs = token_of(process.get());
  const auto ours = own_user();
  if (!theirs || !ours) return false;
  const auto user = user_of(theirs->get());
  return user &&
         (may_change(*ours, user->sid()) || is_administrator(theirs->get()));
}

Result<void> check_folder(const std::filesystem::path& name, HANDLE folder) {
  const auto refused = [&](std::string_view why) {
    return failure(cat("cannot use ", name, " as a private folder: ", why),
                   ERROR_ACCESS_DENIED);
  };
  const auto ours = own_user();
  if (!ours) return ours.error();
  PSID owner = nullptr;
  ACL* list = nullptr;
  PSECURITY_DESCRIPTOR raw = nullptr;
  const DWORD code =
      GetSecurityInfo(folder, SE_FILE_OBJECT,
                      OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                      &owner, nullptr, &list, nullptr, &raw);
  if (code != ERROR_SUCCESS) {
    return failure(cat("cannot use ", name, ": GetSecurityInfo"), code);
  }
  const SecurityDescriptor freed{raw};
  if (owner == nullptr || !may_change(*ours, owner)) {
    return refused("it belongs to another user");
  }
  if (lets_others_change(*ours, list)) {
    return refused(cat("others may write to it; run icacls ", name,
                       " /inheritance:r /grant:r \"%USERNAME%:(OI)(CI)F\" "
                       "*S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F"));
  }
  return {};
}

}  // namespace relaunch::os::win32

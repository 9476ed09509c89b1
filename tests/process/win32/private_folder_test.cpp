// Whoever can write to a state folder decides what is started next.
#include <gmock/gmock.h>

#include "common/os/files.hpp"
#include "support/scratch_folder.hpp"
#include "win32/access.hpp"

// They need the types of windows.h.
#include <aclapi.h>
#include <sddl.h>

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;

/// `list`: in the language of security descriptors.
void set_access(const fs::path& folder, const wchar_t* list) {
  PSECURITY_DESCRIPTOR raw = nullptr;
  ASSERT_TRUE(ConvertStringSecurityDescriptorToSecurityDescriptorW(
      list, SDDL_REVISION_1, &raw, nullptr));
  const os::win32::SecurityDescriptor descriptor{raw};
  ASSERT_TRUE(SetFileSecurityW(folder.c_str(), DACL_SECURITY_INFORMATION, raw));
}

TEST(PrivateFolder, ThatOthersMayWriteToIsRefusedWithTheRemedy) {
  const ScratchFolder scratch;
  const auto folder = scratch / "wide";
  fs::create_directory(folder);
  set_access(folder, L"D:P(A;;FA;;;WD)");
  const auto refused = os::make_private_folder(folder);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), std::errc::permission_denied);
  EXPECT_THAT(refused.error().text(),
              testing::HasSubstr("others may write to it; run icacls "));
}

TEST(PrivateFolder, IsMadeSoThatItIsTakenAgain) {
  const ScratchFolder scratch;
  const auto folder = scratch / "above" / "state";
  ASSERT_TRUE(os::make_private_folder(folder));
  EXPECT_TRUE(os::make_private_folder(folder));
  EXPECT_TRUE(os::make_private_folder(folder.parent_path()));
}

}  // namespace
}  // namespace relaunch::test

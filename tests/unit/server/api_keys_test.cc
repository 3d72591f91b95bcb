#include "server/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace skep::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;
using ::testing::StrEq;

constexpr char kFirst[] = "first-0123456789";  // as short as allowed
constexpr char kSecond[] = "second:with:colons";

TEST(ApiKeysTest, EveryLineIsAKeyOfATenant) {
  const auto keys = ApiKeys::Parse(std::string("# who may call\n\n  \t\r\nanna:") + kFirst +
                                       "\r\n bob : " + kSecond +
                                       " \n#bob:removed-0123456789\nanna:another-0123456789",
                                   "keys");
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_THAT(keys->TenantOf(kFirst), Optional(StrEq("anna")));
  EXPECT_THAT(keys->TenantOf(kSecond), Optional(StrEq("bob")));
  EXPECT_THAT(keys->TenantOf("another-0123456789"), Optional(StrEq("anna")));
  for (const char* wrong : {"", "anna", "first-012345678", "first-01234567890", "FIRST-0123456789",
                            "removed-0123456789", " first-0123456789"}) {
    EXPECT_EQ(keys->TenantOf(wrong), std::nullopt) << wrong;
  }
}

TEST(ApiKeysTest, MistakesAreNamedByLineAndNeverShown) {
  struct Case {
    std::string text;
    const char* message;
  };
  const std::string secret = "the-secret-0123456789";
  const Case cases[] = {
      {"", "keys: holds no API key"},
      {"# anna:" + secret, "keys: holds no API key"},
      {secret, "keys:1: the line is not TENANT:KEY"},
      {"\n:" + secret, "keys:2: the line is not TENANT:KEY"},
      {secret + ":", "keys:1: the line is not TENANT:KEY"},
      {"anna:the-secret-01234", ""},
      {"anna:the-secret-012", "keys:1: the API key has 14 characters; at least 16 are needed"},
      {"anna:" + secret + " x", "keys:1: the API key holds a space"},
      {"anna:" + secret + "\x7F", "keys:1: the API key holds a space"},
      {"anna:" + secret + "\xC3\xA9", "keys:1: the API key holds a space"},
      {"anna:" + secret + std::string(1, '\0'), "keys:1: the API key holds a space"},
      {"anna:" + secret + "\n\nbob:" + secret, "keys:3: the API key stands in an earlier line"},
      {"anna:" + secret + "\nanna:" + secret, "keys:2: the API key stands in an earlier line"},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.text);
    const auto keys = ApiKeys::Parse(test.text, "keys");
    if (*test.message == '\0') {
      EXPECT_TRUE(keys.ok()) << keys.status();
      continue;
    }
    EXPECT_EQ(keys.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(keys.status().message()),
                AllOf(HasSubstr(test.message), Not(HasSubstr("the-secret"))));
  }
}

}  // namespace
}  // namespace skep::server

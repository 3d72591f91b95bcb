#include "server/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "server/config.h"
#include "server/options.h"

namespace skep::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// Parses as main() does.
ServeConfig Parse(std::vector<std::string> arguments) {
  ServeConfig config;
  CLI::App app;
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  AddServeOptions(app, config);
  std::reverse(arguments.begin(), arguments.end());
  app.parse(std::move(arguments));
  return config;
}

std::vector<std::string> Known() {
  ServeConfig config;
  CLI::App app;
  AddServeOptions(app, config);
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  return names;
}

TEST(ArgumentsTest, CommandLineWinsOverEnvironmentOverFile) {
  const auto file = ReadConfigText(
      R"({"model": "m.gguf", "threads": 1, "max_sequences": 11, "max-waiting": 21,
          "prefix-cache": false})",
      "skep.json");
  ASSERT_TRUE(file.ok()) << file.status();
  const char* const environment[] = {"SKEP_THREADS=2", "SKEP_MAX_SEQUENCES=12", "PATH=/bin",
                                     nullptr};
  const auto merged =
      MergeArguments(Known(), Known(), *file, ReadEnvironment(environment), {"--threads", "3"});
  ASSERT_TRUE(merged.ok()) << merged.status();
  const ServeConfig config = Parse(*merged);
  EXPECT_EQ(config.model.path, "m.gguf");
  EXPECT_EQ(config.model.threads, 3);         // command line
  EXPECT_EQ(config.model.max_sequences, 12);  // environment
  EXPECT_EQ(config.engine.max_waiting, 21);   // file
  EXPECT_FALSE(config.engine.prefix_cache);   // file
}

TEST(ArgumentsTest, UnknownNamesAreErrors) {
  const auto file = MergeArguments(Known(), Known(), {{"max-sequence", "1"}}, {}, {});
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("'max-sequence'"));
  const char* const environment[] = {"SKEP_THRAEDS=2", nullptr};
  const auto merged = MergeArguments(Known(), Known(), {}, ReadEnvironment(environment), {});
  EXPECT_THAT(std::string(merged.status().message()), HasSubstr("'thraeds'"));
}

TEST(ArgumentsTest, OptionsOfOtherCommandsAreSkipped) {
  const auto merged =
      MergeArguments(Known(), {"model"}, {}, {{"model", "m"}, {"grpc-address", "h:1"}}, {});
  ASSERT_TRUE(merged.ok());
  EXPECT_THAT(*merged, ElementsAre("--model=m"));
}

TEST(ArgumentsTest, VariablesOfOthersAreNoOptions) {
  const char* const environment[] = {"SKEP_CACHE_DIR=/c",
                                     "SKEP_API_KEY=0123456789abcdef",
                                     "SKEP_SERVICE_HOST=10.0.0.1",
                                     "SKEP_SERVICE_PORT_GRPC=8001",
                                     "SKEP_PORT=tcp://10.0.0.1:8001",
                                     "SKEP_PORT_8001_TCP_ADDR=10.0.0.1",
                                     nullptr};
  EXPECT_THAT(ReadEnvironment(environment), IsEmpty());
}

TEST(ArgumentsTest, ConfigTextMustBeFlat) {
  EXPECT_FALSE(ReadConfigText("[]", "f").ok());
  EXPECT_FALSE(ReadConfigText("{\"a\": ", "f").ok());
  const auto nested = ReadConfigText(R"({"model": {"path": "x"}})", "skep.json");
  EXPECT_THAT(std::string(nested.status().message()), HasSubstr("skep.json: 'model'"));
  const auto values = ReadConfigText(R"({"a_b": "x", "c": 1.5, "d": true})", "f");
  ASSERT_TRUE(values.ok());
  EXPECT_THAT(*values, ElementsAre(Pair("a-b", "x"), Pair("c", "1.5"), Pair("d", "true")));
}

TEST(ArgumentsTest, OptionsReachTheConfiguration) {
  const ServeConfig config =
      Parse({"--model=m", "--kv-cache-memory=512MiB", "--max-step-ms=100", "--drain-timeout=2.5",
             "--grpc-address=0.0.0.0:1", "--max-connection-age=60", "--vllm-metrics=false"});
  EXPECT_EQ(config.model.kv_cache_memory, int64_t{512} << 20);
  EXPECT_DOUBLE_EQ(config.engine.max_step_seconds, 0.1);
  EXPECT_EQ(config.drain_timeout, absl::Seconds(2.5));
  EXPECT_EQ(config.grpc.address, "0.0.0.0:1");
  EXPECT_EQ(config.grpc.max_connection_age, absl::Seconds(60));
  EXPECT_FALSE(config.vllm_metrics);
  EXPECT_THROW(Parse({"--model=m", "--max-sequences=0"}), CLI::ParseError);
  EXPECT_THROW(Parse({"--model=m", "--kv-cache-memory=-1"}), CLI::ParseError);
  EXPECT_THROW(Parse({}), CLI::ParseError);
}

TEST(ConfigTest, ServedNameComesFromThePath) {
  EXPECT_EQ(DefaultServedName("/models/Smol.Q4_1.gguf"), "Smol.Q4_1");
  EXPECT_EQ(DefaultServedName("/models/gemma-3/"), "gemma-3");
  EXPECT_EQ(DefaultServedName("gemma"), "gemma");
}

TEST(ArgumentsTest, TlsNeedsCertificateAndKey) {
  const auto flag = [](const char* name) { return std::string(name) + "=file.pem"; };
  const std::string certificate = flag("--tls-certificate");
  const std::string key = flag("--tls-key");
  const std::string ca = flag("--tls-client-ca");
  EXPECT_FALSE(Parse({"--model=m"}).grpc.tls.enabled());
  EXPECT_TRUE(Parse({"--model=m", certificate, key}).grpc.tls.enabled());
  EXPECT_EQ(Parse({"--model=m", certificate, key, ca}).grpc.tls.client_ca, "file.pem");
  EXPECT_EQ(Parse({"--model=m", flag("--api-keys")}).grpc.api_keys, "file.pem");
  EXPECT_THROW(Parse({"--model=m", certificate}), CLI::RequiresError);
  EXPECT_THROW(Parse({"--model=m", key}), CLI::RequiresError);
  EXPECT_THROW(Parse({"--model=m", ca}), CLI::RequiresError);
  // An unset variable must not mean: no keys.
  EXPECT_THROW(Parse({"--model=m", "--api-keys", ""}), CLI::ValidationError);
  EXPECT_THROW(Parse({"--model=m", "--api-keys="}), CLI::ParseError);
}

TEST(ConfigTest, LoopbackIsThisMachineAlone) {
  for (const char* address :
       {"127.0.0.1:8001", "127.1.2.3:1", "localhost:1", "[::1]:1", "unix:/s"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
  for (const char* address :
       {"0.0.0.0:8001", "[::]:1", "10.0.0.1:1", "localhost.example:1", ":1", ""}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

}  // namespace
}  // namespace skep::server

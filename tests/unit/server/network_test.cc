// The services over real connections.
#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "server_fixture.h"

namespace skep::server {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

std::string FieldOf(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  google::rpc::BadRequest bad;
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&bad)) return bad.field_violations(0).field();
  }
  return "";
}

using NetworkTest = ServerTest;

TEST_F(NetworkTest, GenerateAnswersWithWhatTheModelSays) {
  grpc::ClientContext context;
  v1::GenerateResponse response;
  v1::GenerateRequest request = TokenRequest({2, 3, 4}, 20);
  request.set_request_id("abc");
  const grpc::Status status = stub_->Generate(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.outputs_size(), 1);
  EXPECT_THAT(response.outputs(0).token_ids(), ElementsAreArray(Expected({2, 3, 4}, 20)));
  EXPECT_EQ(response.outputs(0).text(),
            engine::MakeFakeTokenizer()->Decode(Expected({2, 3, 4}, 20), /*skip_special=*/true));
  EXPECT_EQ(response.outputs(0).finish().reason(), v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(response.request_id(), "abc");
  EXPECT_EQ(response.usage().prompt_tokens(), 3u);
  EXPECT_EQ(response.usage().generated_tokens(), 20u);
}

TEST_F(NetworkTest, StreamPutTogetherIsTheWholeAnswer) {
  grpc::ClientContext context;
  v1::GenerateRequest request = TokenRequest({2, 3, 4}, 50);
  request.mutable_sampling()->set_num_sequences(2);
  const auto reader = stub_->GenerateStream(&context, request);
  v1::GenerateResponse message;
  std::vector<TokenId> ids;
  int first = 0;
  int last = 0;
  int messages = 0;
  while (reader->Read(&message)) {
    ++messages;
    first += message.has_prompt_info();
    last += message.has_usage();
    EXPECT_EQ(message.request_id().empty(), messages > 1);
    for (const auto& output : message.outputs()) {
      if (output.index() != 0) continue;
      ids.insert(ids.end(), output.token_ids().begin(), output.token_ids().end());
    }
  }
  ASSERT_TRUE(reader->Finish().ok());
  EXPECT_EQ(first, 1);
  EXPECT_EQ(last, 1);
  EXPECT_EQ(message.usage().generated_tokens(), 100u);
  EXPECT_EQ(ids, Expected({2, 3, 4}, 50));
}

v1::EmbedRequest IdsRequest(const std::vector<std::vector<TokenId>>& inputs) {
  v1::EmbedRequest request;
  for (const auto& ids : inputs) {
    v1::TokenIds& to = *request.add_inputs()->mutable_token_ids();
    for (TokenId id : ids) to.add_ids(static_cast<uint32_t>(id));
  }
  return request;
}

TEST_F(NetworkTest, EmbedAnswersAllInputs) {
  const std::vector<std::vector<TokenId>> inputs = {{2, 3, 4}, std::vector<TokenId>(200, 5)};
  v1::EmbedRequest request = IdsRequest(inputs);
  request.set_request_id("abc");
  request.set_pooling(v1::POOLING_MEAN);
  request.set_normalize(false);
  request.set_dimensions(3);
  grpc::ClientContext context;
  v1::EmbedResponse response;
  const grpc::Status status = stub_->Embed(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.request_id(), "abc");
  EXPECT_EQ(response.usage().prompt_tokens(), 203u);
  ASSERT_EQ(response.embeddings_size(), 2);
  for (int i = 0; i < 2; ++i) {
    const v1::Embedding& embedding = response.embeddings(i);
    const std::vector<float> sum = FakePooled(inputs[i], Pooling::kMean, model_);
    ASSERT_EQ(embedding.values_size(), 3);
    for (int k = 0; k < 3; ++k) {
      EXPECT_FLOAT_EQ(embedding.values(k), sum[k] / static_cast<float>(inputs[i].size()));
    }
    EXPECT_EQ(embedding.index(), static_cast<uint32_t>(i));
    EXPECT_EQ(embedding.num_tokens(), inputs[i].size());
    EXPECT_FALSE(embedding.truncated());
  }
}

TEST_F(NetworkTest, EmbedNamesTheInputThatIsWrong) {
  const auto refused = [this](const v1::EmbedRequest& request) {
    grpc::ClientContext context;
    v1::EmbedResponse response;
    const grpc::Status status = stub_->Embed(&context, request, &response);
    return absl::StrCat(ReasonOf(status), " ", FieldOf(status));
  };
  EXPECT_EQ(refused(IdsRequest({})), "INVALID_FIELD inputs");
  EXPECT_EQ(refused(IdsRequest({{2}, {3, 9999}})), "INVALID_FIELD inputs[1].token_ids.ids[1]");
  EXPECT_EQ(refused(IdsRequest({{2}, std::vector<TokenId>(1025, 5)})), "PROMPT_TOO_LONG inputs[1]");
  v1::EmbedRequest request = IdsRequest({{2}});
  request.add_inputs()->mutable_chat()->add_messages();
  EXPECT_EQ(refused(request), "INVALID_FIELD inputs[1].chat.messages[0].role");
  EXPECT_TRUE(Eventually([this] { return Idle(); }));
}

TEST_F(NetworkTest, ADeadlineEndsAnEmbedCall) {
  control_->delay_microseconds = 20'000;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  v1::EmbedResponse response;
  const grpc::Status status =
      stub_->Embed(&context, IdsRequest({std::vector<TokenId>(1000, 5)}), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(Eventually([this] { return Idle(); }));
}

TEST_F(NetworkTest, ErrorsCarryReasonAndField) {
  v1::GenerateResponse response;
  v1::GenerateRequest request = TokenRequest({2}, 5);
  request.mutable_sampling()->set_top_p(std::numeric_limits<float>::quiet_NaN());
  grpc::ClientContext context;
  grpc::Status status = stub_->Generate(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  EXPECT_EQ(FieldOf(status), "sampling.top_p");

  request = TokenRequest({2}, 5);
  request.set_model("another");
  grpc::ClientContext second;
  status = stub_->Generate(&second, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "UNKNOWN_MODEL");

  // Before anything was generated: without any message.
  grpc::ClientContext third;
  request = TokenRequest({2}, 0);
  const auto reader = stub_->GenerateStream(&third, request);
  EXPECT_FALSE(reader->Read(&response));
  status = reader->Finish();
  EXPECT_EQ(FieldOf(status), "stopping.max_tokens");
}

TEST_F(NetworkTest, TokenizeAndDetokenizeAreInverse) {
  v1::TokenizeRequest request;
  request.mutable_text()->set_text("abc\xC3\xA9");
  request.set_pieces(true);
  v1::TokenizeResponse tokens;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->Tokenize(&context, request, &tokens).ok());
  EXPECT_EQ(tokens.pieces_size(), tokens.token_ids_size());
  v1::DetokenizeRequest back;
  back.mutable_token_ids()->CopyFrom(tokens.token_ids());
  v1::DetokenizeResponse text;
  grpc::ClientContext second;
  ASSERT_TRUE(stub_->Detokenize(&second, back, &text).ok());
  EXPECT_EQ(text.text(), "abc\xC3\xA9");

  back.add_token_ids(9999);
  grpc::ClientContext third;
  const grpc::Status status = stub_->Detokenize(&third, back, &text);
  EXPECT_EQ(FieldOf(status), absl::StrCat("token_ids[", tokens.token_ids_size(), "]"));
  v1::TokenizeRequest none;
  grpc::ClientContext fourth;
  EXPECT_EQ(FieldOf(stub_->Tokenize(&fourth, none, &tokens)), "prompt");
}

TEST_F(NetworkTest, InfoIsTheServers) {
  v1::GetModelInfoResponse model;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->GetModelInfo(&context, {}, &model).ok());
  EXPECT_EQ(model.model(), "fake");
  EXPECT_EQ(model.vocab_size(), static_cast<uint32_t>(engine::FakeVocabSize()));
  EXPECT_EQ(model.context_length(), 1024u);
  EXPECT_TRUE(model.generates());
  EXPECT_EQ(model.default_pooling(), v1::POOLING_LAST);
  EXPECT_TRUE(model.default_normalize());
  EXPECT_THAT(model.eos_token_ids(), ElementsAre(engine::kFakeEos));
  v1::GetServerInfoResponse server;
  grpc::ClientContext second;
  ASSERT_TRUE(stub_->GetServerInfo(&second, {}, &server).ok());
  EXPECT_EQ(server.max_sequences(), 16u);
  EXPECT_EQ(server.load().blocks_total(), 512u);
  EXPECT_EQ(server.instance_id().size(), 16u);
}

TEST_F(NetworkTest, DeadlineEndsTheRequest) {
  control_->delay_microseconds = 5000;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  v1::GenerateResponse response;
  const grpc::Status status = stub_->Generate(&context, TokenRequest({2}, 900), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(Eventually([&] { return Idle(); }));
}

TEST_F(NetworkTest, ManyStreamsWithRandomCancelsGiveEverythingBack) {
  constexpr int kStreams = 32;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  std::atomic<int> finished{0};
  for (int i = 0; i < kStreams; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937 random(i);
      const std::vector<TokenId> prompt = {2 + i % 10, 3, 4 + i % 7};
      const int cancel_after = i % 2 == 0 ? static_cast<int>(random() % 60) : 1000;
      grpc::ClientContext context;
      const auto reader = stub_->GenerateStream(&context, TokenRequest(prompt, 100));
      const std::vector<TokenId> expected = Expected(prompt, 100);
      v1::GenerateResponse message;
      std::vector<TokenId> ids;
      while (reader->Read(&message)) {
        for (const auto& output : message.outputs()) {
          ids.insert(ids.end(), output.token_ids().begin(), output.token_ids().end());
        }
        if (static_cast<int>(ids.size()) >= cancel_after) context.TryCancel();
      }
      const grpc::Status status = reader->Finish();
      finished += status.ok();
      wrong += !std::equal(ids.begin(), ids.end(), expected.begin());
      wrong += status.ok() && ids.size() != 100;
      wrong += !status.ok() && status.error_code() != grpc::StatusCode::CANCELLED;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(finished, kStreams / 2);
  EXPECT_TRUE(Eventually([&] { return Idle(); }));
  EXPECT_EQ(control_->wrong_reads, 0);
}

TEST_F(NetworkTest, AReaderThatDoesNotReadSlowsNobody) {
  StartServer([](ServeConfig& config) {
    config.engine.max_unread_tokens = 16;
    config.engine.stalled_reader_limit = absl::Milliseconds(300);
  });
  // More bytes than the connection's windows hold: log-probabilities make each token large.
  v1::GenerateRequest large = TokenRequest({2}, 1000);
  large.mutable_response()->set_logprobs(20);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4096);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto stalled = v1::Inference::NewStub(
      grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->grpc_port()),
                                grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  const auto reader = stalled->GenerateStream(&context, large);

  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext other;
    v1::GenerateResponse response;
    ASSERT_TRUE(stub_->Generate(&other, TokenRequest({3, 2 + i % 10}, 100), &response).ok());
  }
  // The server ended it; what had left before can still be read.
  EXPECT_TRUE(Eventually([&] { return Idle(); }));
  v1::GenerateResponse message;
  uint32_t tokens = 0;
  while (reader->Read(&message)) {
    for (const auto& output : message.outputs()) tokens += output.num_tokens();
  }
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  EXPECT_EQ(ReasonOf(status), "STALLED_READER");
  EXPECT_LT(tokens, 1000u);
}

TEST_F(NetworkTest, OversizedMessagesAreRefused) {
  StartServer([](ServeConfig& config) { config.grpc.max_message_bytes = 10'000; });
  v1::GenerateRequest request;
  request.mutable_text()->set_text(std::string(20'000, 'a'));
  grpc::ClientContext context;
  v1::GenerateResponse response;
  EXPECT_EQ(stub_->Generate(&context, request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(NetworkTest, TwoServersDoNotShareAPort) {
  ServeConfig config = config_;
  config.grpc.address = absl::StrCat("127.0.0.1:", server_->grpc_port());
  auto other = Server::Start(config);
  ASSERT_TRUE(other.ok());
  const absl::Status status = (*other)->Serve(MakeEngine(), /*has_chat_template=*/false);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(config.grpc.address));
}

}  // namespace
}  // namespace skep::server

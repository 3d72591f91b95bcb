#include "engine/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "engine/error.h"

namespace skep::engine {
namespace {

using ::testing::ElementsAre;

struct Signals {
  std::atomic<int> cancels{0};
  std::atomic<int> resumes{0};
  std::function<void(StreamSignal)> Function() {
    return [this](StreamSignal signal) { ++(signal == StreamSignal::kCancel ? cancels : resumes); };
  }
};

OutputDelta Delta(uint32_t index, std::string text, TokenId id) {
  return {.index = index, .text = std::move(text), .token_ids = {id}};
}

TEST(StreamTest, MeltsWhatASlowReaderHasNotRead) {
  Signals signals;
  Stream stream(100, signals.Function());
  stream.Push(PromptProcessed{.token_ids = {1}});
  stream.Push(Delta(0, "a", 2));
  stream.Push(Delta(1, "x", 3));
  OutputDelta last = Delta(0, "b", 4);
  last.finish.reason = FinishReason::kStop;
  stream.Push(last);
  stream.Push(RequestDone{});

  EXPECT_TRUE(std::holds_alternative<PromptProcessed>(stream.Wait()));
  const auto first = std::get<OutputDelta>(stream.Wait());
  EXPECT_EQ(first.index, 0);
  EXPECT_EQ(first.text, "ab");
  EXPECT_THAT(first.token_ids, ElementsAre(2, 4));
  EXPECT_EQ(first.finish.reason, FinishReason::kStop);
  EXPECT_EQ(std::get<OutputDelta>(stream.Wait()).text, "x");
  EXPECT_TRUE(std::get<RequestDone>(stream.Wait()).status.ok());
  ResponseEvent event;
  EXPECT_FALSE(stream.Next(event, [] { FAIL() << "nothing follows the last event"; }));
  EXPECT_FALSE(std::get<RequestDone>(stream.Wait()).status.ok());
}

TEST(StreamTest, PausesAtTheLimitAndResumesAtHalf) {
  Signals signals;
  Stream stream(4, signals.Function());
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(stream.TokenSampled());
  EXPECT_TRUE(stream.TokenSampled());
  EXPECT_FALSE(stream.TokenSampled());  // said once
  EXPECT_TRUE(stream.paused());
  stream.Push(OutputDelta{.index = 0, .token_ids = {1, 2, 3}});
  stream.Push(OutputDelta{.index = 1, .token_ids = {1}});
  stream.Wait();
  EXPECT_EQ(signals.resumes, 0);
  stream.Wait();
  EXPECT_EQ(signals.resumes, 1);
  EXPECT_FALSE(stream.paused());
  EXPECT_EQ(stream.reads(), 2);
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(stream.TokenSampled());
  EXPECT_TRUE(stream.TokenSampled());
  stream.TokensDropped(5);
  EXPECT_EQ(signals.resumes, 2);
}

TEST(StreamTest, CallsBackOnce) {
  Signals signals;
  Stream stream(4, signals.Function());
  ResponseEvent event;
  int called = 0;
  EXPECT_FALSE(stream.Next(event, [&] { ++called; }));
  stream.Push(Delta(0, "a", 1));
  stream.Push(Delta(0, "b", 1));
  EXPECT_EQ(called, 1);
  EXPECT_TRUE(stream.Next(event, [&] { ++called; }));
  EXPECT_EQ(std::get<OutputDelta>(event).text, "ab");
}

TEST(StreamTest, TheCallbackMayReadAndDestroy) {
  Signals signals;
  auto stream = std::make_shared<Stream>(4, signals.Function());
  auto reader = std::make_unique<StreamReader>(stream);
  ResponseEvent event;
  EXPECT_FALSE(reader->Next(event, [&] {
    EXPECT_TRUE(reader->Next(event, nullptr));
    reader.reset();
  }));
  stream->Push(Delta(0, "a", 1));
  EXPECT_EQ(reader, nullptr);
  EXPECT_EQ(signals.cancels, 1);
  stream->Push(Delta(0, "b", 1));  // dropped
}

TEST(StreamTest, DestroyingAFinishedStreamCancelsNothing) {
  Signals signals;
  auto stream = std::make_shared<Stream>(4, signals.Function());
  auto reader = std::make_unique<StreamReader>(stream);
  stream->Push(RequestDone{});
  reader->Cancel();
  reader.reset();
  EXPECT_EQ(signals.cancels, 0);
}

TEST(StreamTest, NoCallbackRunsAfterTheReaderIsGone) {
  for (int round = 0; round < 200; ++round) {
    Signals signals;
    auto stream = std::make_shared<Stream>(4, signals.Function());
    auto reader = std::make_unique<StreamReader>(stream);
    auto alive = std::make_unique<std::atomic<int>>(0);
    ResponseEvent event;
    reader->Next(event, [&alive] { ++*alive; });
    std::thread writer([&] { stream->Push(Delta(0, "a", 1)); });
    reader.reset();
    alive.reset();  // a late callback would touch this
    writer.join();
  }
}

TEST(StreamTest, WaitsAcrossThreads) {
  Signals signals;
  Stream stream(1000, signals.Function());
  std::thread writer([&] {
    for (int i = 0; i < 500; ++i) stream.Push(Delta(i % 3, "x", i));
    stream.Push(RequestDone{});
  });
  size_t tokens = 0;
  while (true) {
    const ResponseEvent event = stream.Wait();
    if (std::holds_alternative<RequestDone>(event)) break;
    tokens += std::get<OutputDelta>(event).token_ids.size();
  }
  writer.join();
  EXPECT_EQ(tokens, 500);
}

}  // namespace
}  // namespace skep::engine

// From a prompt (text, ids or a chat) to token ids.
#ifndef SKEP_ENGINE_PROMPT_BUILDER_H_
#define SKEP_ENGINE_PROMPT_BUILDER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/chat_template/chat_template.h"
#include "engine/request.h"
#include "engine/tokenizer/tokenizer.h"
#include "scheduler/types.h"

namespace skep::engine {

// Thread-safe.
class PromptBuilder final {
 public:
  // `chat_template` may be null.
  PromptBuilder(std::shared_ptr<const Tokenizer> tokenizer,
                std::shared_ptr<const ChatTemplate> chat_template);

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  bool has_chat_template() const { return chat_template_ != nullptr; }

  // kNoChatTemplate; kTemplateFailed with the template's own words. Here and below `field` is what
  // the request calls its prompt.
  absl::StatusOr<RenderedChat> Render(const ChatPrompt& chat,
                                      const std::string& field = "prompt") const;

  // The ids of a prompt that Validate has let pass; not truncated, and not checked against the
  // context. `prompt_end`, which may be null, becomes what a chat's prompt ends with: the words of
  // the template before the answer, or the message that the answer continues.
  absl::StatusOr<std::vector<TokenId>> Build(const Prompt& prompt,
                                             std::string* prompt_end = nullptr,
                                             const std::string& field = "prompt") const;

 private:
  absl::StatusOr<std::vector<TokenId>> Encode(const std::string& text, const EncodeOptions& options,
                                              const std::string& field) const;

  const std::shared_ptr<const Tokenizer> tokenizer_;
  const std::shared_ptr<const ChatTemplate> chat_template_;
};

}  // namespace skep::engine

#endif  // SKEP_ENGINE_PROMPT_BUILDER_H_

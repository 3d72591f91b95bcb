// config.json and generation_config.json; sentence-transformers' modules.json and the configuration
// of its pooling module.
#include <string_view>

#include "models/weights/config_view.h"
#include "models/weights/embedding_config.h"
#include "tests/fuzz/config_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using skep::models::ConfigView;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto config = ConfigView::FromJson(text, /*generation=*/"", "config.json");
      config.ok()) {
    skep::fuzz::CheckConfig(*config);
  }
  if (const auto config = ConfigView::FromJson("{}", text, "config.json"); config.ok()) {
    skep::fuzz::CheckConfig(config->Generation());
    skep::fuzz::CheckConfig(*config);
  }
  // That nothing fails is all there is to hold.
  (void)skep::models::ParseModules(text, "modules.json");
  (void)skep::models::ParsePooling(text, "1_Pooling/config.json");
  return 0;
}

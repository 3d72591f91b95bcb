// config.json and generation_config.json.
#include <string_view>

#include "models/weights/config_view.h"
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
  return 0;
}

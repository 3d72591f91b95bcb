// How often a second a chat template renders. compare_jinja2.py runs it beside Python.
//
//   chat_template_bench CASES.json [SECONDS]
//
// CASES.json: [{"template": SOURCE, "messages": [...], "tools": [...] or null}, ...]. Prints one
// JSON object a case: the renders a second of processor time, conversion of the messages included,
// and the bytes of the text.
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "engine/chat_template/chat_template.h"

namespace {

// Of this process's own time: what else the machine does counts less.
double Seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "chat_template_bench CASES.json [SECONDS]\n";
    return 2;
  }
  const double least = argc > 2 ? std::atof(argv[2]) : 1.0;
  std::ifstream file(argv[1]);
  const auto cases = nlohmann::ordered_json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!cases.is_array()) {
    std::cerr << argv[1] << ": is not a JSON array\n";
    return 1;
  }
  for (const auto& one : cases) {
    const double compile_start = Seconds();
    const auto compiled = skep::engine::ChatTemplate::Compile(one["template"].get<std::string>());
    const double compile = Seconds() - compile_start;
    if (!compiled.ok()) {
      std::cerr << compiled.status() << "\n";
      return 1;
    }
    skep::engine::ChatTemplate::Inputs inputs;
    inputs.messages = &one["messages"];
    inputs.tools = one["tools"].is_null() ? nullptr : &one["tools"];
    inputs.bos_token = "<s>";
    inputs.eos_token = "</s>";
    int64_t renders = 0;
    size_t bytes = 0;
    double passed = 0;
    for (const double start = Seconds(); passed < least; passed = Seconds() - start) {
      for (int i = 0; i < 20; ++i, ++renders) {
        const auto text = compiled->Render(inputs);
        if (!text.ok()) {
          std::cerr << text.status() << "\n";
          return 1;
        }
        bytes = text->text.size();
      }
    }
    std::cout << nlohmann::json{{"renders_per_second", renders / passed},
                                {"compile_seconds", compile},
                                {"bytes", bytes}}
              << std::endl;
  }
  return 0;
}

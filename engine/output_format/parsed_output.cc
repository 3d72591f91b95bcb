#include "engine/output_format/parsed_output.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace skep::engine {

void AppendToolCalls(std::vector<ToolCallDelta>& whole, std::vector<ToolCallDelta> more) {
  for (ToolCallDelta& delta : more) {
    if (!delta.name.empty()) {
      whole.push_back(std::move(delta));
      continue;
    }
    auto found = std::find_if(whole.rbegin(), whole.rend(), [&delta](const ToolCallDelta& known) {
      return known.index == delta.index && !known.discarded;
    });
    if (found == whole.rend()) {
      whole.push_back(std::move(delta));
    } else if (!delta.discarded) {
      found->arguments += delta.arguments;
    } else if (!found->name.empty()) {
      whole.erase(std::next(found).base());
    } else {
      found->discarded = true;
      found->arguments.clear();
    }
  }
}

}  // namespace skep::engine

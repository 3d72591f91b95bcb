#include "engine/live_request.h"

#include "engine/request_output.h"

namespace skep::engine {

LiveRequest::LiveRequest() = default;
LiveRequest::~LiveRequest() = default;

}  // namespace skep::engine

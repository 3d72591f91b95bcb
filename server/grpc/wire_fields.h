// Names of request fields: the engine's, and where the same field is in a skep.v1 message.
#ifndef SKEP_SERVER_GRPC_WIRE_FIELDS_H_
#define SKEP_SERVER_GRPC_WIRE_FIELDS_H_

#include <string>
#include <string_view>

namespace skep::server {

// "temperature" -> "sampling.temperature", "stop_strings[2]" -> "stopping.stop_strings[2]". A name
// that is no field of engine::GenerationRequest is returned as it is.
std::string WireField(std::string_view engine_field);

}  // namespace skep::server

#endif  // SKEP_SERVER_GRPC_WIRE_FIELDS_H_

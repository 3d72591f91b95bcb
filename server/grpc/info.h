// The answers of GetModelInfo and GetServerInfo.
#ifndef SKEP_SERVER_GRPC_INFO_H_
#define SKEP_SERVER_GRPC_INFO_H_

#include "absl/time/time.h"
#include "engine/engine.h"
#include "engine/output_format/output_format.h"
#include "engine/tokenizer/tokenizer.h"
#include "models/runner.h"
#include "server/grpc/inference_service.h"
#include "skep/v1/inference.pb.h"

namespace skep::server {

void FillModelInfo(const ServiceOptions& options, const ModelInfo& model,
                   const engine::Tokenizer& tokenizer, const engine::OutputFormat& format,
                   v1::GetModelInfoResponse& out);

void FillServerInfo(const ServiceOptions& options, absl::Time start_time, const ModelInfo& model,
                    const engine::EngineStats& stats, v1::GetServerInfoResponse& out);

}  // namespace skep::server

#endif  // SKEP_SERVER_GRPC_INFO_H_

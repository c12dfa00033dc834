// The real world.
#pragma once

#include <cstddef>
#include <memory>

#include "base/env.h"
#include "base/log.h"
#include "base/metrics.h"

namespace vortex {

// A process that gives up by fail_stop() ends with this status (EX_SOFTWARE).
inline constexpr int kFailStopStatus = 70;

struct RealOptions {
  LogSink* log_sink = nullptr;  // outlives the Env; nothing: text to stderr
  LogLevel log_level = LogLevel::info;
  std::size_t disk_threads = 16;  // started when needed; measured: as quick as io_uring at 32 reads in flight
  std::size_t pool_threads = 0;   // 0: one for each core

  RealOptions() {}
};

class RealEnv final : public Env {
 public:
  RealEnv(asio::io_context& context, RealOptions options);
  ~RealEnv() override;

  Loop& loop() override;
  Clock& clock() override;
  Network& network() override;
  Disk& disk() override;
  Random& random() override;
  Pool& pool() override;
  Log& log() override;
  Metrics& metrics() override;
  bool buggify(const char*) override { return false; }
  void fail_stop(std::string_view reason) override;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace vortex

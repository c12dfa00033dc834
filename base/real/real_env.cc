#include "base/real/real_env.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "base/real/log_sink.h"
#include "base/real/os_random.h"
#include "base/real/posix_disk.h"
#include "base/real/real_clock.h"
#include "base/real/tcp.h"
#include "base/real/thread_pool.h"

namespace vortex {

namespace {
std::size_t pool_threads(const RealOptions& options) {
  if (options.pool_threads > 0) return options.pool_threads;
  return std::max<std::size_t>(std::thread::hardware_concurrency(), 1);
}
}  // namespace

struct RealEnv::Parts {
  Parts(asio::io_context& context, const RealOptions& options)
      : loop(context),
        clock(loop),
        stderr_sink(STDERR_FILENO, LogFormat::text),
        log(clock, options.log_sink != nullptr ? *options.log_sink : stderr_sink, options.log_level),
        network(loop, clock),
        disk(loop, options.disk_threads),
        pool(loop, pool_threads(options)) {}

  Loop loop;
  RealClock clock;
  DescriptorLogSink stderr_sink;
  Log log;
  Metrics metrics;
  OsRandom random;
  TcpNetwork network;
  PosixDisk disk;
  ThreadPool pool;
};

RealEnv::RealEnv(asio::io_context& context, RealOptions options) : parts_(std::make_unique<Parts>(context, options)) {}
RealEnv::~RealEnv() { parts_->log.flush_suppressed(); }

Loop& RealEnv::loop() { return parts_->loop; }
Clock& RealEnv::clock() { return parts_->clock; }
Network& RealEnv::network() { return parts_->network; }
Disk& RealEnv::disk() { return parts_->disk; }
Random& RealEnv::random() { return parts_->random; }
Pool& RealEnv::pool() { return parts_->pool; }
Log& RealEnv::log() { return parts_->log; }
Metrics& RealEnv::metrics() { return parts_->metrics; }

void RealEnv::fail_stop(std::string_view reason) {
  parts_->log.error("env", "this process cannot go on and ends at once", Field("reason", reason));
  ::_exit(kFailStopStatus);
}

}  // namespace vortex

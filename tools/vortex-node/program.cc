#include "tools/vortex-node/program.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <ostream>

#include "base/real/descriptors.h"
#include "base/real/runner.h"
#include "base/real/signals.h"
#include "base/task_group.h"
#include "node/node.h"
#include "tools/cli/version.h"
#include "tools/vortex-node/log_file.h"
#include "tools/vortex-node/notify.h"
#include "tools/vortex-node/own_address.h"
#include "tools/vortex-node/settings.h"

namespace vortex {

namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

// For everything that is no connection; half of all, where there are fewer than twice as many.
constexpr std::size_t kOpenFiles = 1024;

net::ConnectionLimits get_descriptors(Log& log) {
  net::ConnectionLimits limits;
  std::size_t wanted = limits.total() + kOpenFiles;
  std::size_t descriptors = raise_descriptors_max(wanted);
  if (descriptors >= wanted) {
    log.info("node", "descriptors for all files and connections", Field("descriptors", descriptors));
    return limits;
  }
  limits = net::ConnectionLimits::within(descriptors - std::min(kOpenFiles, descriptors / 2));
  log.warn("node", "fewer connections than there might be: the system's limit of open files is low",
           Field("descriptors", descriptors), Field("wanted", wanted), Field("connections", limits.total()));
  return limits;
}

// Waits for a signal that ends the process. Others are dealt with.
Task<void> wait_for_end(Env& env, Signals& signals, LogFile* log_file) {
  while (true) {
    auto number = co_await signals.next();
    if (!number.ok()) co_return;
    if (*number != SIGHUP) {
      env.log().info("node", "asked to stop; once more to stop at once", Field("signal", *number));
      co_return;
    }
    if (!log_file) continue;
    Status reopened = log_file->reopen();
    if (!reopened.ok()) env.log().error("node", "the log file stays", Field("why", reopened.error()));
  }
}

// A second signal while stopping ends the process as it is; nothing acknowledged depends on an orderly end.
Task<void> wait_for_impatience(Signals& signals) {
  while (true) {
    auto number = co_await signals.next();
    if (!number.ok()) co_return;
    if (*number != SIGHUP) ::_exit(128 + *number);
  }
}

Task<int> live(Env& env, NodeSettings settings, LogFile* log_file, std::ostream& out, std::ostream& err) {
  Signals signals(env.loop(), {kSignals[0], kSignals[1], kSignals[2]});
  settings.node.version = cli::version().version;
  if (is_wildcard(settings.node.listen.host) && settings.node.advertise.host.empty()) {
    settings.node.advertise = settings.node.listen;
    settings.node.advertise.host = own_address();
  }
  auto node = co_await node::Node::start(env, settings.node);
  if (!node.ok()) {
    err << "vortex-node: " << node.error().to_string() << std::endl;
    co_return code_info(node.error().code()).exit_status;
  }
  out << "ready id=" << (*node)->id().hex() << " listen=" << (*node)->address().to_string() << std::endl;
  notify_service_manager("READY=1");
  co_await wait_for_end(env, signals, log_file);
  notify_service_manager("STOPPING=1");
  TaskGroup impatience(env.loop());
  impatience.spawn(wait_for_impatience(signals));
  co_await (*node)->stop();
  co_await impatience.stop();
  co_return 0;
}

}  // namespace

int run_node_program(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  auto settings = read_node_settings(arguments);
  auto fail = [&err](const Error& error) {
    err << "vortex-node: " << error.message() << "\n'vortex-node --help' lists what it can be told" << std::endl;
    return code_info(error.code()).exit_status;
  };
  if (!settings.ok()) return fail(settings.error());
  if (settings->help) {
    out << node_help() << std::flush;
    return 0;
  }
  if (settings->version) {
    out << cli::version_line("vortex-node") << std::endl;
    return 0;
  }
  std::optional<LogFile> log_file;
  if (!settings->log_file.empty()) {
    auto opened = LogFile::open(settings->log_file);
    if (!opened.ok()) return fail(opened.error());
    log_file.emplace(std::move(*opened));
  }
  DescriptorLogSink sink(log_file ? log_file->descriptor() : STDERR_FILENO, settings->log_format);
  RealOptions real;
  real.log_sink = &sink;
  real.log_level = settings->log_level;
  Runner runner(real);
  settings->node.connections = get_descriptors(runner.env().log());
  int status = runner.run_without_signals(live(runner.env(), *settings, log_file ? &*log_file : nullptr, out, err));
  runner.env().log().flush_suppressed();
  return status;
}

}  // namespace vortex

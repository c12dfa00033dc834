#include "base/real/log_sink.h"

#include <unistd.h>

#include <cerrno>

namespace vortex {

void DescriptorLogSink::write(const LogRecord& record) {
  std::string line = format_ == LogFormat::json ? log_json_line(record) : log_text_line(record);
  std::string_view rest = line;
  while (!rest.empty()) {
    ssize_t wrote = ::write(descriptor_, rest.data(), rest.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

}  // namespace vortex

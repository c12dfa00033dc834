// Log records as lines on a file descriptor.
#pragma once

#include "base/log.h"

namespace vortex {

enum class LogFormat : std::uint8_t { text, json };

// One write a record, so that lines of several processes do not mix. What cannot be written is lost: a full disk
// under the log must not stop the node.
class DescriptorLogSink final : public LogSink {
 public:
  DescriptorLogSink(int descriptor, LogFormat format) : descriptor_(descriptor), format_(format) {}
  void write(const LogRecord& record) override;

 private:
  const int descriptor_;  // not owned
  const LogFormat format_;
};

}  // namespace vortex

// A log file that can be moved away while it is written to.
#pragma once

#include <string>

#include "base/result.h"

namespace vortex {

// Its descriptor stays the same through reopen(), so whoever writes to it needs to know nothing.
class LogFile {
 public:
  static Result<LogFile> open(std::string path);
  LogFile(LogFile&& other) noexcept;
  LogFile& operator=(LogFile&&) = delete;
  ~LogFile();

  int descriptor() const { return descriptor_; }
  // Begins a new file of the same name when the old one was moved away.
  Status reopen();

 private:
  LogFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  std::string path_;
  int descriptor_;
};

}  // namespace vortex

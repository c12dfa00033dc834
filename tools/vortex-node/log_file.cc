#include "tools/vortex-node/log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace vortex {

namespace {
Result<int> open_log(const std::string& path) {
  int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (descriptor < 0) return Error(Code::bad_config, "cannot write the log file " + path + ": " + std::strerror(errno));
  return descriptor;
}
}  // namespace

Result<LogFile> LogFile::open(std::string path) {
  ASSIGN_OR_RETURN(int descriptor, open_log(path));
  return LogFile(std::move(path), descriptor);
}

LogFile::LogFile(LogFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

LogFile::~LogFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status LogFile::reopen() {
  ASSIGN_OR_RETURN(int fresh, open_log(path_));
  int moved = ::dup3(fresh, descriptor_, O_CLOEXEC);
  int why = errno;
  ::close(fresh);
  if (moved < 0) return Error(Code::io_error, std::string("cannot reopen the log file: ") + std::strerror(why));
  return Status();
}

}  // namespace vortex

#include "tools/dev/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

namespace vortex::dev {

namespace {

using SteadyClock = std::chrono::steady_clock;

Error failure(const std::string& what) { return Error(Code::failed, what + ": " + std::strerror(errno)); }

// Fields of /proc/PID/stat behind the name, which may hold anything and ends with the last parenthesis.
std::vector<std::string> stat_fields(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::ostringstream text;
  text << file.rdbuf();
  std::string line = text.str();
  std::size_t name_end = line.rfind(')');
  std::vector<std::string> fields;
  if (name_end == std::string::npos) return fields;
  std::istringstream rest(line.substr(name_end + 1));
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

// 0 when there is no such process, or it has ended and waits for its parent.
std::uint64_t start_of(int pid) {
  std::vector<std::string> fields = stat_fields(pid);
  constexpr std::size_t kState = 0, kStart = 19;  // fields 3 and 22 of proc(5)
  if (fields.size() <= kStart || fields[kState] == "Z" || fields[kState] == "X") return 0;
  return std::stoull(fields[kStart]);
}

class Pipe {
 public:
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  bool open() { return ::pipe2(ends_.data(), O_CLOEXEC) == 0; }
  int end(std::size_t which) const { return ends_[which]; }
  void close_end(std::size_t which) {
    if (ends_[which] >= 0) ::close(std::exchange(ends_[which], -1));
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

// In the child: only calls that are safe between fork and exec.
[[noreturn]] void become(char* const* arguments, int out, int log) {
  ::setsid();
  int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing >= 0) ::dup2(nothing, 0);
  ::dup2(out, 1);
  ::dup2(log, 2);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

std::string last_line(const std::string& path) {
  std::ifstream file(path);
  std::string last;
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) last = line;
  return last;
}

// Up to the end of the first line; less when the other side is gone or the time is over.
std::string read_line(int descriptor, Duration patience) {
  std::string line;
  SteadyClock::time_point end = SteadyClock::now() + patience;
  while (line.find('\n') == std::string::npos) {
    auto left = std::chrono::duration_cast<milliseconds>(end - SteadyClock::now());
    if (left.count() <= 0) break;
    pollfd wanted{descriptor, POLLIN, 0};
    if (::poll(&wanted, 1, static_cast<int>(left.count())) <= 0) continue;
    std::array<char, 512> buffer;
    ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got <= 0) break;
    line.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return line;
}

}  // namespace

bool Child::alive() const { return started != 0 && start_of(pid) == started; }

Result<Started> start_child(const std::vector<std::string>& command, const std::string& log, Duration patience) {
  Pipe pipe;
  if (!pipe.open()) return failure("cannot make a pipe");
  int log_descriptor = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (log_descriptor < 0) return failure("cannot write " + log);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = ::fork();
  if (pid == 0) become(arguments.data(), pipe.end(1), log_descriptor);
  ::close(log_descriptor);
  if (pid < 0) return failure("cannot start a process");
  pipe.close_end(1);
  Started started;
  started.child.pid = pid;
  started.child.started = start_of(pid);
  std::string line = read_line(pipe.end(0), patience);
  std::size_t end = line.find('\n');
  if (end != std::string::npos) {
    started.first_line = line.substr(0, end);
    return started;
  }
  Status ended = end_child(started.child, SIGKILL, seconds(10));
  if (!ended.ok()) return ended.error();
  ::waitpid(pid, nullptr, 0);
  std::string why = last_line(log);
  return Error(Code::failed, command[0] + " did not start" + (why.empty() ? "" : ": " + why));
}

Status end_child(const Child& child, int signal, Duration patience) {
  if (!child.alive()) return Status();
  if (::kill(child.pid, signal) != 0 && errno != ESRCH) return failure("cannot signal " + std::to_string(child.pid));
  SteadyClock::time_point end = SteadyClock::now() + patience;
  while (child.alive()) {
    if (SteadyClock::now() > end)
      return Error(Code::timed_out, "process " + std::to_string(child.pid) + " does not end");
    std::this_thread::sleep_for(milliseconds(5));
  }
  return Status();
}

std::string program_directory() {
  std::error_code error;
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string(".") : self.parent_path().string();
}

}  // namespace vortex::dev

// The one table of what can go wrong in a correct program, and the Error that carries an entry of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace vortex {

// X(name, number, exit status of the command line, may a retry help, default text).
// Numbers travel on the wire and are never reused.
#define VORTEX_ERRORS(X)                                      \
  X(internal, 1, 1, false, "internal error")                  \
  X(cancelled, 2, 8, false, "cancelled")                      \
  X(timed_out, 3, 8, true, "timed out")                       \
  X(busy, 4, 8, true, "busy, try again")                      \
  X(unreachable, 5, 5, true, "unreachable")                   \
  X(closed, 6, 5, true, "connection closed")                  \
  X(end_of_stream, 7, 1, false, "end of stream")              \
  X(invalid_argument, 8, 2, false, "invalid argument")        \
  X(bad_config, 9, 2, false, "bad configuration")             \
  X(bad_message, 10, 1, false, "malformed message")           \
  X(unsupported_version, 11, 1, false, "unsupported version") \
  X(unknown_method, 12, 1, false, "unknown method")           \
  X(too_large, 13, 1, false, "too large")                     \
  X(wrong_cluster, 14, 6, false, "wrong cluster")             \
  X(unauthenticated, 15, 6, false, "not authenticated")       \
  X(permission_denied, 16, 6, false, "permission denied")     \
  X(expired, 17, 6, false, "expired")                         \
  X(not_found, 18, 3, false, "not found")                     \
  X(exists, 19, 4, false, "already exists")                   \
  X(precondition_failed, 20, 4, false, "precondition failed") \
  X(not_empty, 21, 4, false, "directory not empty")           \
  X(is_directory, 22, 1, false, "is a directory")             \
  X(not_directory, 23, 1, false, "is not a directory")        \
  X(invalid_path, 24, 2, false, "invalid path")               \
  X(too_few_nodes, 25, 5, true, "too few nodes")              \
  X(damaged, 26, 7, false, "data damaged")                    \
  X(outcome_unknown, 27, 9, false, "outcome unknown")         \
  X(no_space, 28, 10, false, "no space left")                 \
  X(metadata_full, 29, 10, false, "metadata full")            \
  X(io_error, 30, 1, false, "input/output error")             \
  X(in_use, 31, 1, false, "in use by another process")        \
  X(not_leader, 32, 8, true, "not the leader")                \
  X(stale, 33, 8, true, "stale")                              \
  X(unsupported, 34, 1, false, "not supported")               \
  X(failed, 35, 1, false, "failed")

enum class Code : std::uint16_t {
#define X(name, number, exit_status, retry, text) name = number,
  VORTEX_ERRORS(X)
#undef X
};

struct CodeInfo {
  Code code;
  const char* name;
  int exit_status;
  bool retry_may_help;
  const char* text;
};

// The table's row; a number that is not in the table (a newer peer's) reads as `internal`.
const CodeInfo& code_info(Code code);
Code code_from_number(std::uint16_t number);

class [[nodiscard]] Error {
 public:
  // Constructors rather than aggregate initialisation: g++ 12 miscompiles aggregates in co_await statements.
  Error(Code code) : code_(code) {}  // NOLINT(google-explicit-constructor)
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  Code code() const { return code_; }
  bool is(Code code) const { return code_ == code; }
  // The text given, or the table's when none was.
  std::string_view message() const;
  // "not_found: /a/b"
  std::string to_string() const;

  // How long the answerer asks us to wait before trying again; 0 when it did not say.
  std::uint32_t retry_after_ms() const { return retry_after_ms_; }
  Error&& with_retry_after(std::uint32_t ms) && {
    retry_after_ms_ = ms;
    return std::move(*this);
  }
  // Puts "context: " before the message. Added once, at a boundary.
  Error&& in(std::string_view context) &&;

 private:
  Code code_;
  std::uint32_t retry_after_ms_ = 0;
  std::string message_;
};

}  // namespace vortex

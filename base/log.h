// Structured records for people and programs. Safe to call from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"

namespace vortex {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

// "debug", "info", "warn", "error".
std::string_view to_string(LogLevel level);
std::optional<LogLevel> parse_log_level(std::string_view text);

// A name and a value. Field("segment", 7), Field("node", id), Field("error", status.error()).
class Field {
 public:
  using Value = std::variant<bool, std::int64_t, std::uint64_t, double, std::string>;

  template <class N>
  requires std::is_arithmetic_v<N> Field(std::string_view name, N value) : name_(name) {
    if constexpr (std::is_same_v<N, bool>) {
      value_ = value;
    } else if constexpr (std::is_floating_point_v<N>) {
      value_ = static_cast<double>(value);
    } else if constexpr (std::is_signed_v<N>) {
      value_ = static_cast<std::int64_t>(value);
    } else {
      value_ = static_cast<std::uint64_t>(value);
    }
  }
  Field(std::string_view name, std::string value) : name_(name), value_(std::move(value)) {}
  Field(std::string_view name, std::string_view value) : Field(name, std::string(value)) {}
  Field(std::string_view name, const char* value) : Field(name, std::string(value)) {}
  Field(std::string_view name, const Id& id) : Field(name, id.short_hex()) {}
  Field(std::string_view name, const Error& error) : Field(name, error.to_string()) {}
  // In milliseconds.
  Field(std::string_view name, Duration value)
      : name_(name), value_(std::chrono::duration<double, std::milli>(value).count()) {}

  std::string_view name() const { return name_; }
  const Value& value() const { return value_; }

 private:
  std::string_view name_;  // a literal
  Value value_;
};

struct LogRecord {
  WallTime time;
  LogLevel level = LogLevel::info;
  std::string_view area;  // the room or part: "wal", "net", "raft"
  std::string_view message;
  std::span<const Field> fields;
  // Records of the same area and message left out since the last one that was written.
  std::uint64_t suppressed = 0;
};

// 2026-01-31T12:00:00.123456Z warn wal: segment damaged segment=7
std::string log_text_line(const LogRecord& record);
// {"time":"…","level":"warn","area":"wal","message":"segment damaged","segment":7}
std::string log_json_line(const LogRecord& record);

// Where records go. Called by one thread at a time; must not log.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void write(const LogRecord& record) = 0;
};

// Records of one area and message are written at most kLogBurst times in kLogWindow; the rest are counted and the
// count is written with the next one, or by itself when the window is over. `debug` is not bounded: who asks for it
// wants everything.
class Log {
 public:
  Log(const Clock& clock, LogSink& sink, LogLevel level) : clock_(clock), sink_(sink), level_(level) {}
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool enabled(LogLevel level) const { return level >= level_; }
  LogLevel level() const { return level_; }

  template <class... Fields>
  void debug(std::string_view area, std::string_view message, Fields&&... fields) {
    log(LogLevel::debug, area, message, std::forward<Fields>(fields)...);
  }
  template <class... Fields>
  void info(std::string_view area, std::string_view message, Fields&&... fields) {
    log(LogLevel::info, area, message, std::forward<Fields>(fields)...);
  }
  template <class... Fields>
  void warn(std::string_view area, std::string_view message, Fields&&... fields) {
    log(LogLevel::warn, area, message, std::forward<Fields>(fields)...);
  }
  template <class... Fields>
  void error(std::string_view area, std::string_view message, Fields&&... fields) {
    log(LogLevel::error, area, message, std::forward<Fields>(fields)...);
  }

  void write(LogLevel level, std::string_view area, std::string_view message, std::span<const Field> fields);
  // Writes the counts of what was left out and not yet told; for the end of a program.
  void flush_suppressed();

 private:
  struct Site {
    std::string area, message;
    LogLevel level = LogLevel::info;
    Instant window_start;
    std::uint32_t written = 0;  // in this window
    std::uint64_t suppressed = 0;
  };

  template <class... Fields>
  void log(LogLevel level, std::string_view area, std::string_view message, Fields&&... fields) {
    if (!enabled(level)) return;
    if constexpr (sizeof...(Fields) == 0) {
      write(level, area, message, std::span<const Field>());
    } else {
      const Field list[] = {Field(std::forward<Fields>(fields))...};
      write(level, area, message, list);
    }
  }
  Site& site(LogLevel level, std::string_view area, std::string_view message, Instant now);
  void tell_suppressed(Site& site);
  void sweep(Instant now);

  const Clock& clock_;
  LogSink& sink_;
  const LogLevel level_;
  std::mutex mutex_;
  std::map<std::uint64_t, Site> sites_;  // by hash of area and message; at most kLogSitesMax and one for the rest
  Instant next_sweep_;
};

}  // namespace vortex

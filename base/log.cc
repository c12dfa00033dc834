#include "base/log.h"

#include <array>

#include "base/hash.h"
#include "base/limits.h"

namespace vortex {

namespace {
constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warn", "error"};
// All sites beyond kLogSitesMax share this one.
constexpr std::uint64_t kSharedSite = 0;
}  // namespace

std::string_view to_string(LogLevel level) { return kLevelNames[static_cast<std::size_t>(level)]; }

std::optional<LogLevel> parse_log_level(std::string_view text) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i)
    if (kLevelNames[i] == text) return static_cast<LogLevel>(i);
  return std::nullopt;
}

void Log::write(LogLevel level, std::string_view area, std::string_view message, std::span<const Field> fields) {
  if (!enabled(level)) return;
  std::lock_guard lock(mutex_);
  LogRecord record{clock_.wall_now(), level, area, message, fields, 0};
  if (level != LogLevel::debug) {
    Instant now = clock_.now();
    sweep(now);
    Site& at = site(level, area, message, now);
    if (now - at.window_start >= kLogWindow) {
      at.window_start = now;
      at.written = 0;
    }
    if (at.written >= kLogBurst) {
      ++at.suppressed;
      return;
    }
    ++at.written;
    record.suppressed = std::exchange(at.suppressed, 0);
  }
  sink_.write(record);
}

Log::Site& Log::site(LogLevel level, std::string_view area, std::string_view message, Instant now) {
  std::uint64_t key = xxh3(as_bytes(message), xxh3(as_bytes(area)));
  auto found = sites_.find(key);
  if (found != sites_.end()) return found->second;
  if (sites_.size() >= kLogSitesMax) {
    key = kSharedSite;
    area = "log";
    message = "records of too many kinds";
  }
  auto [place, inserted] = sites_.try_emplace(key);
  if (inserted) {
    place->second.area = area;
    place->second.message = message;
    place->second.window_start = now;
  }
  place->second.level = level;
  return place->second;
}

void Log::tell_suppressed(Site& site) {
  std::uint64_t count = std::exchange(site.suppressed, 0);
  if (count == 0) return;
  sink_.write(LogRecord{clock_.wall_now(), site.level, site.area, site.message, {}, count});
}

// Tells what was left out in windows that are over, and forgets sites that are quiet.
void Log::sweep(Instant now) {
  if (now < next_sweep_) return;
  next_sweep_ = now + kLogWindow;
  for (auto it = sites_.begin(); it != sites_.end();) {
    bool over = now - it->second.window_start >= kLogWindow;
    if (over) tell_suppressed(it->second);
    it = over ? sites_.erase(it) : std::next(it);
  }
}

void Log::flush_suppressed() {
  std::lock_guard lock(mutex_);
  for (auto& [key, site] : sites_) tell_suppressed(site);
}

}  // namespace vortex

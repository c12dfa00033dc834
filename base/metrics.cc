#include "base/metrics.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "base/limits.h"

namespace vortex {

Histogram::~Histogram() {
  for (auto& row : rows_) delete row.load();
}

// Row 0 holds 0…31 one by one; row r > 0 holds [2^(r+4), 2^(r+5)) in 32 equal parts.
std::size_t Histogram::row_of(std::uint64_t value) {
  auto bits = static_cast<std::size_t>(std::bit_width(value));
  return bits <= kSubBits ? 0 : bits - kSubBits;
}

std::uint64_t Histogram::lowest(std::size_t row, std::size_t sub) {
  return row == 0 ? sub : (kSubBuckets + sub) << (row - 1);
}

std::atomic<std::uint64_t>& Histogram::bucket(std::size_t row, std::size_t sub) {
  Row* have = rows_[row].load(std::memory_order_acquire);
  if (have == nullptr) {
    auto made = std::make_unique<Row>();
    if (rows_[row].compare_exchange_strong(have, made.get(), std::memory_order_acq_rel)) have = made.release();
  }
  return (*have)[sub];
}

void Histogram::widen(std::uint64_t low, std::uint64_t high) {
  for (auto seen = min_.load(std::memory_order_relaxed); low < seen;)
    if (min_.compare_exchange_weak(seen, low, std::memory_order_relaxed)) break;
  for (auto seen = max_.load(std::memory_order_relaxed); high > seen;)
    if (max_.compare_exchange_weak(seen, high, std::memory_order_relaxed)) break;
}

void Histogram::record(std::uint64_t value) {
  std::size_t row = row_of(value);
  std::uint64_t sub = row == 0 ? value : (value >> (row - 1)) - kSubBuckets;
  add(row, static_cast<std::size_t>(sub), 1);
  count_.fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
  widen(value, value);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t row = 0; row < kRows; ++row) {
    const Row* from = other.rows_[row].load(std::memory_order_acquire);
    if (from == nullptr) continue;
    for (std::size_t sub = 0; sub < kSubBuckets; ++sub)
      if (auto n = (*from)[sub].load(std::memory_order_relaxed)) add(row, sub, n);
  }
  count_.fetch_add(other.count(), std::memory_order_relaxed);
  sum_.fetch_add(other.sum(), std::memory_order_relaxed);
  if (other.count() > 0) widen(other.min(), other.max());
}

std::uint64_t Histogram::min() const { return count() == 0 ? 0 : min_.load(std::memory_order_relaxed); }

double Histogram::mean() const {
  std::uint64_t n = count();
  return n == 0 ? 0 : static_cast<double>(sum()) / static_cast<double>(n);
}

std::uint64_t Histogram::percentile(double percent) const {
  std::uint64_t total = count();
  if (total == 0) return 0;
  if (percent >= 100) return max();
  auto wanted = static_cast<std::uint64_t>(std::ceil(std::max(percent, 0.0) / 100 * static_cast<double>(total)));
  wanted = std::max<std::uint64_t>(wanted, 1);
  std::uint64_t seen = 0;
  for (std::size_t row = 0; row < kRows; ++row) {
    const Row* counts = rows_[row].load(std::memory_order_acquire);
    if (counts == nullptr) continue;
    for (std::size_t sub = 0; sub < kSubBuckets; ++sub) {
      seen += (*counts)[sub].load(std::memory_order_relaxed);
      if (seen >= wanted) return std::clamp(lowest(row, sub) + (width(row) - 1) / 2, min(), max());
    }
  }
  return max();
}

std::uint64_t Histogram::count_up_to(std::uint64_t bound) const {
  std::uint64_t seen = 0;
  for (std::size_t row = 0; row < kRows; ++row) {
    const Row* counts = rows_[row].load(std::memory_order_acquire);
    if (counts == nullptr) continue;
    for (std::size_t sub = 0; sub < kSubBuckets && lowest(row, sub) <= bound; ++sub)
      seen += (*counts)[sub].load(std::memory_order_relaxed);
  }
  return seen;
}

Metrics::Series& Metrics::find(std::string_view name, std::string_view help, MetricKind kind, Labels labels) {
  auto [family, made] = families_.try_emplace(std::string(name));
  Family& it = family->second;
  if (made) {
    it.help = help;
    it.kind = kind;
  }
  CHECK_MSG(it.kind == kind, std::string(name) + " has two kinds");
  std::sort(labels.begin(), labels.end());
  auto found = it.series.find(labels);
  if (found != it.series.end()) return found->second;
  if (it.series.size() >= kMetricSeriesMax) {
    labels.clear();
    labels.emplace_back("overflow", "true");
  }
  return it.series[std::move(labels)];
}

Counter& Metrics::counter(std::string_view name, std::string_view help, Labels labels) {
  std::lock_guard lock(mutex_);
  auto& place = find(name, help, MetricKind::counter, std::move(labels)).counter;
  if (!place) place = std::make_unique<Counter>();
  return *place;
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, Labels labels) {
  std::lock_guard lock(mutex_);
  auto& place = find(name, help, MetricKind::gauge, std::move(labels)).gauge;
  if (!place) place = std::make_unique<Gauge>();
  return *place;
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, Labels labels) {
  std::lock_guard lock(mutex_);
  auto& place = find(name, help, MetricKind::histogram, std::move(labels)).histogram;
  if (!place) place = std::make_unique<Histogram>();
  return *place;
}

void Metrics::visit(MetricVisitor& visitor) const {
  std::lock_guard lock(mutex_);
  for (const auto& [name, family] : families_) {
    visitor.family(name, family.help, family.kind);
    for (const auto& [labels, series] : family.series) {
      if (series.counter) visitor.series(labels, *series.counter);
      if (series.gauge) visitor.series(labels, *series.gauge);
      if (series.histogram) visitor.series(labels, *series.histogram);
    }
  }
}

std::uint64_t Metrics::total(std::string_view counter_name) const {
  std::lock_guard lock(mutex_);
  auto family = families_.find(counter_name);
  if (family == families_.end()) return 0;
  std::uint64_t sum = 0;
  for (const auto& [labels, series] : family->second.series)
    if (series.counter) sum += series.counter->value();
  return sum;
}

}  // namespace vortex

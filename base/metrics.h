// Counters, gauges and histograms. Registering is for the loop thread or any other; recording is safe from all.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/time.h"

namespace vortex {

class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  template <class N>
  requires std::is_arithmetic_v<N>
  void set(N value) { value_.store(static_cast<double>(value), std::memory_order_relaxed); }
  template <class N>
  requires std::is_arithmetic_v<N>
  void add(N difference) { value_.fetch_add(static_cast<double>(difference), std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Log-linear buckets: 32 for every doubling, so a percentile is off by at most 1.6%. At most 15 KiB, and only for
// the doublings that occurred. Durations are kept in nanoseconds.
class Histogram {
 public:
  Histogram() = default;
  ~Histogram();
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;

  void record(std::uint64_t value);
  void record(Duration duration) { record(duration.count() < 0 ? 0 : static_cast<std::uint64_t>(duration.count())); }
  // Adds what another one recorded.
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  std::uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }
  std::uint64_t min() const;
  std::uint64_t max() const { return max_.load(std::memory_order_relaxed); }
  double mean() const;
  // The value below which `percent` of all lie: percentile(99.9). Zero when nothing was recorded.
  std::uint64_t percentile(double percent) const;
  // How many were at most `bound`, to the precision of a bucket.
  std::uint64_t count_up_to(std::uint64_t bound) const;

 private:
  static constexpr unsigned kSubBits = 5;
  static constexpr std::size_t kSubBuckets = std::size_t(1) << kSubBits;
  static constexpr std::size_t kRows = 64 - kSubBits + 1;
  using Row = std::array<std::atomic<std::uint64_t>, kSubBuckets>;

  static std::size_t row_of(std::uint64_t value);
  static std::uint64_t lowest(std::size_t row, std::size_t sub);
  static std::uint64_t width(std::size_t row) { return row == 0 ? 1 : std::uint64_t(1) << (row - 1); }
  std::atomic<std::uint64_t>& bucket(std::size_t row, std::size_t sub);
  void add(std::size_t row, std::size_t sub, std::uint64_t count) {
    bucket(row, sub).fetch_add(count, std::memory_order_relaxed);
  }
  void widen(std::uint64_t low, std::uint64_t high);

  std::array<std::atomic<Row*>, kRows> rows_{};  // each made when its first value comes
  std::atomic<std::uint64_t> count_{0}, sum_{0}, max_{0}, min_{~std::uint64_t(0)};
};

using Labels = std::vector<std::pair<std::string, std::string>>;
enum class MetricKind : std::uint8_t { counter, gauge, histogram };

// Told every family by name and every series of it by labels, in that order.
class MetricVisitor {
 public:
  virtual ~MetricVisitor() = default;
  virtual void family(const std::string& name, const std::string& help, MetricKind kind) = 0;
  virtual void series(const Labels& labels, const Counter& counter) = 0;
  virtual void series(const Labels& labels, const Gauge& gauge) = 0;
  virtual void series(const Labels& labels, const Histogram& histogram) = 0;
};

// Asking twice for one name and labels gives the same object; it lives as long as the registry. A name has one kind.
// Beyond kMetricSeriesMax series a family counts the rest under the label overflow="true".
class Metrics {
 public:
  Metrics() = default;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter& counter(std::string_view name, std::string_view help, Labels labels = Labels());
  Gauge& gauge(std::string_view name, std::string_view help, Labels labels = Labels());
  Histogram& histogram(std::string_view name, std::string_view help, Labels labels = Labels());

  void visit(MetricVisitor& visitor) const;
  // The sum over all series of a counter; 0 when nobody registered it.
  std::uint64_t total(std::string_view counter_name) const;

 private:
  struct Series {
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
  };
  struct Family {
    std::string help;
    MetricKind kind = MetricKind::counter;
    std::map<Labels, Series> series;
  };
  Series& find(std::string_view name, std::string_view help, MetricKind kind, Labels labels);

  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace vortex

#include "base/metrics.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "tests/unit/test.h"

using namespace vortex;

TEST_CASE("percentiles are right to within two percent over any range") {
  std::mt19937_64 random(3);
  for (double spread : {1.0, 5.0, 20.0}) {
    Histogram histogram;
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 20'000; ++i) {
      double exponent = std::uniform_real_distribution<double>(0, spread)(random);
      values.push_back(static_cast<std::uint64_t>(std::exp(exponent)));
      histogram.record(values.back());
    }
    std::sort(values.begin(), values.end());
    for (double percent : {0.0, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * 20'000));
      auto exact = static_cast<double>(values[rank == 0 ? 0 : rank - 1]);
      auto estimate = static_cast<double>(histogram.percentile(percent));
      CAPTURE(percent);
      EXPECT(estimate <= exact * 1.017 + 0.5);
      EXPECT(estimate >= exact * 0.983 - 0.5);
    }
    EXPECT_EQ(histogram.min(), values.front());
    EXPECT_EQ(histogram.max(), values.back());
  }
}

TEST_CASE("a histogram takes the smallest and the largest number") {
  Histogram histogram;
  EXPECT_EQ(histogram.percentile(50), 0);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.mean(), 0);
  histogram.record(std::uint64_t(0));
  histogram.record(~std::uint64_t(0));
  histogram.record(milliseconds(-5));  // a clock that went backwards
  EXPECT_EQ(histogram.count(), 3);
  EXPECT_EQ(histogram.percentile(50), 0);
  EXPECT_EQ(histogram.percentile(100), ~std::uint64_t(0));
  EXPECT_EQ(histogram.count_up_to(0), 2);
  EXPECT_EQ(histogram.count_up_to(~std::uint64_t(0)), 3);
}

TEST_CASE("histograms of several workers can be put together") {
  Histogram all, odd, even;
  for (std::uint64_t i = 1; i <= 10'000; ++i) (i % 2 ? odd : even).record(i);
  all.merge(odd);
  all.merge(even);
  EXPECT_EQ(all.count(), 10'000);
  EXPECT_EQ(all.sum(), 50'005'000);
  EXPECT_EQ(all.min(), 1);
  EXPECT_EQ(all.max(), 10'000);
  EXPECT(all.percentile(50) > 4'900);
  EXPECT(all.percentile(50) < 5'100);
}

TEST_CASE("threads count without losing anything") {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&metrics] {
      Counter& counter = metrics.counter("things_total", "things");
      Histogram& histogram = metrics.histogram("sizes", "sizes");
      Gauge& gauge = metrics.gauge("level", "level");
      for (int i = 0; i < 10'000; ++i) {
        counter.add();
        histogram.record(static_cast<std::uint64_t>(i));
        gauge.add(1);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(metrics.total("things_total"), 40'000);
  EXPECT_EQ(metrics.histogram("sizes", "").count(), 40'000);
  EXPECT_EQ(metrics.histogram("sizes", "").max(), 9'999);
  EXPECT_EQ(metrics.gauge("level", "").value(), 40'000);
}

TEST_CASE("one name and its labels are one series, shown in a stable order") {
  Metrics metrics;
  metrics.counter("b_total", "second", {{"peer", "x"}, {"kind", "read"}}).add(2);
  metrics.counter("b_total", "second", {{"kind", "read"}, {"peer", "x"}}).add(3);
  metrics.counter("b_total", "second", {{"peer", "a"}}).add(1);
  metrics.gauge("a", "first").set(0.5);
  struct Listing final : MetricVisitor {
    std::string text;
    void family(const std::string& name, const std::string& help, MetricKind) override {
      text += name + "(" + help + ") ";
    }
    void series(const Labels& labels, const Counter& counter) override {
      for (const auto& [label, value] : labels) text += label + "=" + value + " ";
      text += std::to_string(counter.value()) + " ";
    }
    void series(const Labels&, const Gauge& gauge) override { text += std::to_string(gauge.value()) + " "; }
    void series(const Labels&, const Histogram&) override {}
  } listing;
  metrics.visit(listing);
  EXPECT_EQ(listing.text, "a(first) 0.500000 b_total(second) kind=read peer=x 5 peer=a 1 ");
  EXPECT_EQ(metrics.total("b_total"), 6);
  EXPECT_EQ(metrics.total("nothing"), 0);
}

TEST_CASE("labels that never end do not use up the memory") {
  Metrics metrics;
  for (int i = 0; i < 5000; ++i) metrics.counter("calls_total", "calls", {{"peer", std::to_string(i)}}).add();
  struct Count final : MetricVisitor {
    std::size_t series_seen = 0;
    void family(const std::string&, const std::string&, MetricKind) override {}
    void series(const Labels&, const Counter&) override { ++series_seen; }
    void series(const Labels&, const Gauge&) override {}
    void series(const Labels&, const Histogram&) override {}
  } count;
  metrics.visit(count);
  EXPECT_EQ(count.series_seen, kMetricSeriesMax + 1);
  EXPECT_EQ(metrics.total("calls_total"), 5000);
}

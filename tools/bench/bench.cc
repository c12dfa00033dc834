#include "tools/bench/bench.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace vortex::bench {

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  std::size_t index = std::clamp<std::size_t>(rank, 1, values.size()) - 1;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(index), values.end());
  return values[index];
}

double median(std::vector<double> values) { return percentile(std::move(values), 0.5); }

Latency latency_of(std::vector<double> microseconds) {
  std::sort(microseconds.begin(), microseconds.end());
  return {percentile(microseconds, 0.5), percentile(microseconds, 0.9), percentile(microseconds, 0.99),
          percentile(microseconds, 1.0)};
}

std::optional<bool> Row::met() const {
  switch (goal.kind) {
    case Goal::Kind::none:
      return std::nullopt;
    case Goal::Kind::ratio_at_least:
      return ratio && *ratio >= goal.value;
    case Goal::Kind::at_least:
      return ours >= goal.value;
    case Goal::Kind::at_most:
      return ours <= goal.value;
  }
  return std::nullopt;
}

bool Report::all_met() const {
  return std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.met().value_or(true); });
}

Result<Row> compare(const Options& options, std::string workload, std::string unit, const Measurement& ours,
                    const Measurement& raw, Goal goal) {
  std::vector<double> our_values, raw_values, ratios;
  for (int round = 0; round < options.rounds; ++round) {
    // Whoever runs second finds warmer caches, so they change places.
    bool raw_first = round % 2 == 0;
    Result<double> first = raw_first ? raw() : ours();
    if (!first.ok()) return std::move(first).error().in(workload);
    Result<double> second = raw_first ? ours() : raw();
    if (!second.ok()) return std::move(second).error().in(workload);
    raw_values.push_back(raw_first ? *first : *second);
    our_values.push_back(raw_first ? *second : *first);
    if (raw_values.back() > 0) ratios.push_back(our_values.back() / raw_values.back());
  }
  Row row;
  row.workload = std::move(workload);
  row.unit = std::move(unit);
  row.ours = median(std::move(our_values));
  row.raw = median(std::move(raw_values));
  row.ratio = median(std::move(ratios));
  row.goal = goal;
  return row;
}

Result<Row> measure(const Options& options, std::string workload, std::string unit, const Measurement& ours,
                    Goal goal) {
  std::vector<double> values;
  for (int round = 0; round < options.rounds; ++round) {
    Result<double> value = ours();
    if (!value.ok()) return std::move(value).error().in(workload);
    values.push_back(*value);
  }
  Row row;
  row.workload = std::move(workload);
  row.unit = std::move(unit);
  row.ours = median(std::move(values));
  row.goal = goal;
  return row;
}

namespace {

// Three significant digits at least, whole numbers from 100 on, thousands apart.
std::string number(double value) {
  char text[64];
  int decimals = std::abs(value) >= 100 ? 0 : std::abs(value) >= 10 ? 1 : 2;
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  std::string_view digits = text;
  std::size_t whole = std::min(digits.find('.'), digits.size());
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    bool between_digits = i > 0 && digits[i - 1] != '-';
    if (between_digits && i < whole && (whole - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string goal_text(const Row& row) {
  switch (row.goal.kind) {
    case Goal::Kind::none:
      return "";
    case Goal::Kind::ratio_at_least:
      return ">= " + number(row.goal.value) + " x";
    case Goal::Kind::at_least:
      return ">= " + number(row.goal.value);
    case Goal::Kind::at_most:
      return "<= " + number(row.goal.value);
  }
  return "";
}

std::string latency_text(const std::optional<Latency>& latency) {
  if (!latency) return "";
  return number(latency->p50_us) + " / " + number(latency->p99_us) + " / " + number(latency->max_us);
}

// Left-aligned text columns first, then right-aligned numbers.
std::string aligned(const std::vector<std::vector<std::string>>& lines, std::size_t text_columns) {
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const auto& line : lines) {
    std::string printed;
    for (std::size_t i = 0; i < line.size(); ++i) {
      std::string padding(widths[i] - line[i].size(), ' ');
      if (i > 0) printed += "  ";
      printed += i < text_columns ? line[i] + padding : padding + line[i];
    }
    printed.erase(printed.find_last_not_of(' ') + 1);
    out += printed + "\n";
  }
  return out;
}

nlohmann::json to_json(const Latency& latency) {
  return {{"p50", latency.p50_us}, {"p90", latency.p90_us}, {"p99", latency.p99_us}, {"max", latency.max_us}};
}

nlohmann::json to_json(const std::string& part, const Row& row) {
  nlohmann::json out = {{"part", part}, {"workload", row.workload}, {"unit", row.unit}, {"ours", row.ours}};
  if (row.raw) out["raw"] = *row.raw;
  if (row.ratio) out["ratio"] = *row.ratio;
  if (row.latency) out["latency_us"] = to_json(*row.latency);
  if (row.raw_latency) out["raw_latency_us"] = to_json(*row.raw_latency);
  if (row.met()) {
    out["goal"] = goal_text(row);
    out["met"] = *row.met();
  }
  return out;
}

}  // namespace

std::string to_table(const std::vector<Report>& reports, const std::optional<Limits>& limits) {
  std::string out;
  for (const Report& report : reports) {
    if (report.rows.empty()) continue;
    std::vector<std::vector<std::string>> lines = {
        {report.part, "unit", "ours", "raw", "ratio", "goal", "", "latency us p50 / p99 / max", "raw latency us"}};
    for (const Row& row : report.rows) {
      lines.push_back({row.workload, row.unit, number(row.ours), row.raw ? number(*row.raw) : "",
                       row.ratio ? number(*row.ratio) : "", goal_text(row),
                       !row.met() ? "" : (*row.met() ? "ok" : "MISSED"), latency_text(row.latency),
                       latency_text(row.raw_latency)});
    }
    out += aligned(lines, 2) + "\n";
  }
  if (limits) {
    out += aligned({{"this machine", "unit", ""},
                    {"loopback, one stream", "MB/s", number(limits->loopback_mb_s)},
                    {"disk, sequential write", "MB/s", number(limits->disk_write_mb_s)},
                    {"disk, 4 KiB + fdatasync", "1/s", number(limits->fdatasync_s)},
                    {"memcpy", "MB/s", number(limits->memcpy_mb_s)},
                    {"SHA-256", "MB/s", number(limits->sha256_mb_s)}},
                   2);
  }
  return out;
}

std::string to_json(const std::vector<Report>& reports, const std::optional<Limits>& limits) {
  nlohmann::json out = {{"runs", nlohmann::json::array()}};
  for (const Report& report : reports)
    for (const Row& row : report.rows) out["runs"].push_back(to_json(report.part, row));
  if (limits) {
    out["limits"] = {{"loopback_mb_s", limits->loopback_mb_s},
                     {"disk_write_mb_s", limits->disk_write_mb_s},
                     {"fdatasync_s", limits->fdatasync_s},
                     {"memcpy_mb_s", limits->memcpy_mb_s},
                     {"sha256_mb_s", limits->sha256_mb_s}};
  }
  return out.dump(2);
}

}  // namespace vortex::bench

// vortex-sim: runs scenarios in the simulated world and replays what failed.
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#include "base/check.h"
#include "tests/sim/campaign.h"

using namespace vortex;
using namespace vortex::sim;

namespace {

constexpr int kWrongUsage = 2;
[[maybe_unused]] constexpr unsigned kReportSeconds = 5;
constexpr const char* kUsage =
    "usage: vortex-sim --scenario NAME --seed N [--trace] [--faults PLAN.json] [--save-faults FILE] [--twice] "
    "[--json]\n"
    "       vortex-sim --seeds A..B [--scenario NAME] [--faults PLAN.json] [--twice] [--jobs N] [--limit S] [--json]\n"
    "       vortex-sim --list [--json]\n"
    "exit status: 0 clean, 10 safety violation, 11 liveness failure, 12 crash, 2 wrong usage\n";

struct Options {
  std::string program = "vortex-sim";
  std::optional<std::string> scenario, faults, save_faults;
  std::optional<std::uint64_t> seed, first, last;
  std::size_t jobs = std::max(1u, std::thread::hardware_concurrency());
  std::uint64_t limit_seconds = 600;
  bool trace = false, twice = false, json = false, list = false, help = false;
  std::optional<FaultPlan> plan;
};

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

bool parse_range(Options& options, std::string_view text) {
  std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) return false;
  options.first = parse_number(text.substr(0, dots));
  options.last = parse_number(text.substr(dots + 2));
  return options.first && options.last && *options.first <= *options.last;
}

// False when the flag is unknown or its value is no good.
bool take_value(Options& options, std::string_view flag, const std::string& value) {
  auto number = parse_number(value);
  if (flag == "--scenario") {
    options.scenario = value;
  } else if (flag == "--faults") {
    options.faults = value;
  } else if (flag == "--save-faults") {
    options.save_faults = value;
  } else if (flag == "--seeds") {
    return parse_range(options, value);
  } else if (flag == "--seed" && number) {
    options.seed = number;
  } else if (flag == "--jobs" && number && *number > 0) {
    options.jobs = *number;
  } else if (flag == "--limit" && number && *number > 0) {
    options.limit_seconds = *number;
  } else {
    return false;
  }
  return true;
}

std::string parse(Options& options, int argc, char** argv) {
  const std::map<std::string_view, bool*> switches = {{"--trace", &options.trace}, {"--twice", &options.twice},
                                                      {"--json", &options.json},   {"--list", &options.list},
                                                      {"--help", &options.help},   {"-h", &options.help}};
  if (argc > 0) options.program = argv[0];
  for (int i = 1; i < argc; ++i) {
    std::string_view flag = argv[i];
    if (auto at = switches.find(flag); at != switches.end()) {
      *at->second = true;
    } else if (i + 1 >= argc || !take_value(options, flag, argv[i + 1])) {
      return "cannot make sense of \"" + std::string(flag) + "\"";
    } else {
      ++i;
    }
  }
  if (options.list || options.help) return {};
  if (options.scenario && !find_scenario(*options.scenario))
    return "no scenario \"" + *options.scenario + "\"; see --list";
  if (options.seed.has_value() == options.first.has_value()) return "give either --seed N or --seeds A..B";
  if (options.seed && !options.scenario) return "--seed wants a --scenario";
  return {};
}

std::string load_plan(Options& options) {
  if (!options.faults) return {};
  std::ifstream file(*options.faults);
  if (!file) return "cannot read " + *options.faults;
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto plan = FaultPlan::parse(text);
  if (!plan.ok()) return plan.error().to_string();
  options.plan = *plan;
  return {};
}

std::string replay_command(const Options& options, std::string_view scenario, std::uint64_t seed) {
  std::string text = options.program + " --scenario " + std::string(scenario) + " --seed " + std::to_string(seed);
  if (options.faults) text += " --faults " + *options.faults;
  if (options.twice) text += " --twice";
  return text;
}

std::string hex(std::uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

void print_failure(const Options& options, const SeedResult& result) {
  const Outcome& outcome = result.outcome;
  std::printf("%s seed %llu: %s at %s: %s\n  replay: %s\n", result.scenario.c_str(),
              static_cast<unsigned long long>(result.seed), std::string(to_string(outcome.verdict)).c_str(),
              time_text(outcome.at).c_str(), outcome.text.c_str(),
              replay_command(options, result.scenario, result.seed).c_str());
  std::fflush(stdout);
}

// What a whole invocation came to.
struct Summary {
  std::uint64_t seeds = 0, events = 0, faults = 0, messages = 0;
  std::map<Verdict, std::uint64_t> verdicts;
  std::map<std::string, std::uint64_t> buggified, measured;
  nlohmann::ordered_json failures = nlohmann::ordered_json::array();
  double seconds = 0;
  std::string hash;  // of a single run

  void add(const Options& options, const SeedResult& result) {
    const Outcome& outcome = result.outcome;
    ++seeds;
    events += outcome.events;
    faults += outcome.faults;
    messages += outcome.messages;
    ++verdicts[outcome.verdict];
    hash = hex(outcome.hash);
    for (const auto& [name, value] : outcome.measured) measured[name] += value;
    for (const std::string& site : outcome.buggified) ++buggified[site];
    if (outcome.verdict == Verdict::clean) return;
    if (!options.json) print_failure(options, result);
    nlohmann::ordered_json failure;
    failure["scenario"] = result.scenario;
    failure["seed"] = result.seed;
    failure["verdict"] = to_string(outcome.verdict);
    failure["text"] = outcome.text;
    failure["replay"] = replay_command(options, result.scenario, result.seed);
    failures.push_back(failure);
  }
  std::uint64_t count(Verdict verdict) const {
    auto at = verdicts.find(verdict);
    return at == verdicts.end() ? 0 : at->second;
  }
  // The gravest kind of failure that occurred.
  int exit_status() const {
    for (Verdict verdict : {Verdict::safety, Verdict::crash, Verdict::liveness})
      if (count(verdict) > 0) return static_cast<int>(verdict);
    return 0;
  }
  void print(const Options& options) const {
    auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    if (options.json) {
      nlohmann::ordered_json json = {{"seeds", seeds},
                                     {"clean", count(Verdict::clean)},
                                     {"safety", count(Verdict::safety)},
                                     {"liveness", count(Verdict::liveness)},
                                     {"crashes", count(Verdict::crash)},
                                     {"events", events},
                                     {"faults", faults},
                                     {"messages", messages},
                                     {"measured", measured},
                                     {"seconds", seconds},
                                     {"buggified", buggified},
                                     {"failures", failures}};
      if (options.seed) json["hash"] = hash;
      std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
      return;
    }
    std::printf("%llu seeds: %llu clean, %llu safety violations, %llu liveness failures, %llu crashes", number(seeds),
                number(count(Verdict::clean)), number(count(Verdict::safety)), number(count(Verdict::liveness)),
                number(count(Verdict::crash)));
    std::printf("; %llu faults, %llu messages, %llu events", number(faults), number(messages), number(events));
    for (const auto& [name, value] : measured) std::printf(", %s %llu", name.c_str(), number(value));
    if (options.seed) std::printf(", hash %s", hash.c_str());
    std::printf(", %.1f s\n", seconds);
  }
};

// A crash of a single run happens in this process: it is reported from where it happens.
const Options* g_single = nullptr;

void report_crash(std::string_view text) {
  World* world = World::current();
  SeedResult result;
  result.scenario = *g_single->scenario;
  result.seed = *g_single->seed;
  result.outcome.verdict = Verdict::crash;
  result.outcome.text = text;
  if (world) {
    result.outcome.text += " " + world->whereabouts();
    result.outcome.at = world->now();
    result.outcome.events = world->trace().events();
  }
  Summary summary;
  summary.add(*g_single, result);
  summary.print(*g_single);
  std::fflush(stdout);
  ::_exit(static_cast<int>(Verdict::crash));
}

#ifdef __SANITIZE_ADDRESS__
void watch_for_crashes() {
  __sanitizer_set_death_callback([] { report_crash("the sanitizer's report is above"); });
}
#else
void on_signal(int signal) {
  std::signal(signal, SIG_DFL);
  ::alarm(kReportSeconds);  // where the heap is broken, so is the report
  report_crash(std::string("signal: ") + ::strsignal(signal));
}
void watch_for_crashes() {
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) std::signal(signal, on_signal);
}
#endif

int run_single(const Options& options) {
  g_single = &options;
  set_check_hook(report_crash);
  watch_for_crashes();
  auto began = std::chrono::steady_clock::now();
  Run::Settings settings;
  settings.seed = *options.seed;
  settings.plan = options.plan;
  if (options.trace)
    settings.trace = [](std::string_view line) { std::printf("%.*s\n", static_cast<int>(line.size()), line.data()); };
  const Scenario& scenario = *find_scenario(*options.scenario);
  SeedResult result;
  result.scenario = *options.scenario;
  result.seed = *options.seed;
  result.outcome = run_seed(scenario, settings, options.twice);
  if (options.save_faults) {
    settings.trace = nullptr;
    Run again(settings);
    scenario.body(again);
    std::ofstream(*options.save_faults) << again.faults().to_json() << "\n";
  }
  Summary summary;
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  summary.add(options, result);
  summary.print(options);
  return summary.exit_status();
}

int run_many(const Options& options) {
  CampaignOptions campaign;
  for (const Scenario& scenario : scenarios())
    if (options.scenario ? scenario.name == *options.scenario : scenario.kind == Kind::check)
      campaign.scenarios.push_back(scenario);
  campaign.first = *options.first;
  campaign.last = *options.last;
  campaign.twice = options.twice;
  campaign.jobs = options.jobs;
  campaign.limit = std::chrono::seconds(options.limit_seconds);
  campaign.plan = options.plan;
  auto began = std::chrono::steady_clock::now();
  Summary summary;
  run_campaign(campaign, [&](const SeedResult& result) { summary.add(options, result); });
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  summary.print(options);
  return summary.exit_status();
}

int list(const Options& options) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Scenario& scenario : scenarios()) {
    if (options.json) {
      json.push_back({{"name", scenario.name}, {"description", scenario.description}});
    } else {
      std::printf("%-20.*s %.*s\n", static_cast<int>(scenario.name.size()), scenario.name.data(),
                  static_cast<int>(scenario.description.size()), scenario.description.data());
    }
  }
  if (options.json) std::printf("%s\n", nlohmann::ordered_json{{"scenarios", json}}.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::string problem = parse(options, argc, argv);
  if (problem.empty()) problem = load_plan(options);
  if (!problem.empty()) {
    std::fprintf(stderr, "vortex-sim: %s\n%s", problem.c_str(), kUsage);
    return kWrongUsage;
  }
  if (options.help) {
    std::printf("%s", kUsage);
    return 0;
  }
  if (options.list) return list(options);
  return options.seed ? run_single(options) : run_many(options);
}

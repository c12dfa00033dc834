#include "tests/sim/campaign.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "base/check.h"

namespace vortex::sim {

namespace {
using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

Outcome run_once(const Scenario& scenario, const Run::Settings& settings) {
  Run run(settings);
  scenario.body(run);
  return run.outcome();
}

// Runs it once more and says which event is the first that `hashes` do not have.
std::string parting(const Scenario& scenario, Run::Settings settings, const std::vector<std::uint64_t>& hashes) {
  std::vector<std::uint64_t> again;
  std::string found;
  settings.hashes = &again;
  settings.trace = [&](std::string_view line) {
    std::size_t event = again.size() - 1;
    if (found.empty() && (event >= hashes.size() || hashes[event] != again[event]))
      found = "two runs of this seed part at event " + std::to_string(event + 1) + ": " + std::string(line);
  };
  run_once(scenario, settings);
  return found.empty() ? "two runs of this seed differed, a third did not" : found;
}

std::string to_json(const Outcome& outcome) {
  Json json;
  json["verdict"] = static_cast<int>(outcome.verdict);
  json["text"] = outcome.text;
  json["hash"] = outcome.hash;
  json["events"] = outcome.events;
  json["at"] = outcome.at.count();
  json["faults"] = outcome.faults;
  json["messages"] = outcome.messages;
  json["measured"] = outcome.measured;
  json["buggified"] = outcome.buggified;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Outcome from_json(const std::string& text) {
  Json json = Json::parse(text);
  Outcome outcome;
  outcome.verdict = static_cast<Verdict>(json["verdict"].get<int>());
  outcome.text = json["text"].get<std::string>();
  outcome.hash = json["hash"].get<std::uint64_t>();
  outcome.events = json["events"].get<std::uint64_t>();
  outcome.at = Duration(json["at"].get<std::int64_t>());
  outcome.faults = json["faults"].get<std::uint64_t>();
  outcome.messages = json["messages"].get<std::uint64_t>();
  outcome.measured = json["measured"].get<std::map<std::string, std::uint64_t>>();
  outcome.buggified = json["buggified"].get<std::vector<std::string>>();
  return outcome;
}

Outcome ended_badly(Verdict verdict, std::string text) {
  Outcome outcome;
  outcome.verdict = verdict;
  outcome.text = std::move(text);
  return outcome;
}
Outcome crashed(std::string text) { return ended_badly(Verdict::crash, std::move(text)); }

int g_report = -1;

void write_report(const Outcome& outcome) {
  std::string text = to_json(outcome);
  for (std::size_t done = 0; done < text.size();) {
    ssize_t size = ::write(g_report, text.data() + done, text.size() - done);
    if (size <= 0) break;
    done += static_cast<std::size_t>(size);
  }
}

void report_check(std::string_view text) {
  World* world = World::current();
  write_report(crashed(std::string(text) + (world ? " " + world->whereabouts() : std::string())));
  ::_exit(static_cast<int>(Verdict::crash));
}

struct Child {
  SeedResult result;
  pid_t pid = -1;
  int pipe = -1;
  std::string report;
  Clock::time_point began;
  bool hung = false;
};

[[noreturn]] void be_child(const Scenario& scenario, const CampaignOptions& options, std::uint64_t seed, int report) {
  g_report = report;
  set_check_hook(report_check);
  Run::Settings settings;
  settings.seed = seed;
  settings.plan = options.plan;
  Outcome outcome = run_seed(scenario, settings, options.twice);
#ifdef __SANITIZE_ADDRESS__
  if (__lsan_do_recoverable_leak_check()) outcome = crashed("memory leaks, see above");
#endif
  write_report(outcome);
  std::fflush(nullptr);
  ::_exit(0);
}

Child start_child(const Scenario& scenario, const CampaignOptions& options, std::uint64_t seed) {
  int ends[2];
  CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  Child child;
  child.result.scenario = scenario.name;
  child.result.seed = seed;
  child.began = Clock::now();
  std::fflush(nullptr);  // or the child would print it, too
  child.pid = ::fork();
  CHECK(child.pid >= 0);
  if (child.pid == 0) {
    ::close(ends[0]);
    be_child(scenario, options, seed, ends[1]);
  }
  ::close(ends[1]);
  child.pipe = ends[0];
  return child;
}

// False at the end of the child's report.
bool read_report(Child& child) {
  char buffer[4096];
  ssize_t size = ::read(child.pipe, buffer, sizeof buffer);
  if (size <= 0) return false;
  child.report.append(buffer, static_cast<std::size_t>(size));
  return true;
}

SeedResult collect(Child& child) {
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  ::close(child.pipe);
  child.result.seconds = std::chrono::duration<double>(Clock::now() - child.began).count();
  bool complete = Json::accept(child.report);
  if (child.hung) {
    child.result.outcome = ended_badly(Verdict::liveness, "took too long in real time and was ended");
  } else if (complete) {
    child.result.outcome = from_json(child.report);
  } else if (WIFSIGNALED(status)) {
    child.result.outcome = crashed(std::string("died of signal: ") + ::strsignal(WTERMSIG(status)));
  } else {
    child.result.outcome = crashed("exited with status " + std::to_string(WEXITSTATUS(status)));
  }
  return std::move(child.result);
}

// Waits for something to happen; tells of those that have ended.
void wait_for_children(std::vector<Child>& children, const CampaignOptions& options,
                       const std::function<void(const SeedResult&)>& done) {
  std::vector<pollfd> ready;
  for (const Child& child : children) ready.push_back(pollfd{child.pipe, POLLIN, 0});
  ::poll(ready.data(), ready.size(), 1000);
  for (std::size_t i = children.size(); i-- > 0;) {
    Child& child = children[i];
    if (Clock::now() - child.began > options.limit && !child.hung) {
      child.hung = true;
      ::kill(child.pid, SIGKILL);
    }
    if (ready[i].revents == 0 || read_report(child)) continue;
    done(collect(child));
    children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
  }
}
}  // namespace

Outcome run_seed(const Scenario& scenario, const Run::Settings& settings, bool twice) {
  if (!twice) return run_once(scenario, settings);
  std::vector<std::uint64_t> hashes;
  Run::Settings first = settings;
  first.hashes = &hashes;
  Outcome outcome = run_once(scenario, first);
  Run::Settings second = settings;
  second.trace = nullptr;
  if (run_once(scenario, second).hash == outcome.hash) return outcome;
  outcome.verdict = Verdict::crash;
  outcome.text = parting(scenario, second, hashes);
  return outcome;
}

void run_campaign(const CampaignOptions& options, const std::function<void(const SeedResult&)>& done) {
  std::vector<Child> children;
  CHECK(options.first <= options.last);
  for (std::uint64_t seed = options.first;; ++seed) {
    for (const Scenario& scenario : options.scenarios) {
      while (children.size() >= options.jobs) wait_for_children(children, options, done);
      children.push_back(start_child(scenario, options, seed));
    }
    // Not in the condition: the last one may be the greatest number there is.
    if (seed == options.last) break;
  }
  while (!children.empty()) wait_for_children(children, options, done);
}

}  // namespace vortex::sim

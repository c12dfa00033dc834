#include "tests/sim/scenario.h"

#include <algorithm>
#include <utility>

#include "tests/sim/fabric.h"

namespace vortex::sim {

namespace {
std::vector<Scenario>& known() {
  static std::vector<Scenario> list;
  return list;
}
}  // namespace

World& Run::make_world(WorldOptions options) {
  CHECK(!world_);
  options.collect_violations = true;
  world_ = std::make_unique<World>(settings_.seed, std::move(options));
  if (settings_.trace) world_->trace().set_sink(settings_.trace);
  if (settings_.hashes) world_->trace().keep_hashes(*settings_.hashes);
  return *world_;
}

void Run::unleash(NemesisOptions options) {
  if (settings_.plan) {
    Status started = start(*world_, *settings_.plan);
    if (!started.ok()) world_->violation(Verdict::crash, started.error().to_string());
    return;
  }
  nemesis_ = std::make_unique<Nemesis>(*world_, std::move(options));
  nemesis_->begin();
}

void Run::calm() {
  if (nemesis_) nemesis_->end();
  if (world_->violations().empty()) recover(*world_);
}

bool Run::expect(bool holds, Verdict otherwise, std::string text) {
  if (!holds && world_->violations().empty()) world_->violation(otherwise, std::move(text));
  return holds;
}

Outcome Run::outcome() const {
  Outcome outcome;
  outcome.verdict = world_->verdict();
  if (!world_->violations().empty()) outcome.text = world_->violations().front().text;
  outcome.hash = world_->trace().hash();
  outcome.events = world_->trace().events();
  outcome.at = world_->now();
  outcome.faults = faults().faults.size();
  outcome.messages = world_->network().segments();
  outcome.measured = measured_;
  for (const auto& [site, count] : world_->buggified()) outcome.buggified.push_back(site);
  return outcome;
}

FaultPlan Run::faults() const {
  if (nemesis_) return nemesis_->done();
  return settings_.plan.value_or(FaultPlan());
}

std::vector<Scenario> scenarios() {
  std::vector<Scenario> list = known();
  std::sort(list.begin(), list.end(), [](const Scenario& a, const Scenario& b) { return a.name < b.name; });
  return list;
}

const Scenario* find_scenario(std::string_view name) {
  for (const Scenario& scenario : known())
    if (scenario.name == name) return &scenario;
  return nullptr;
}

Registration::Registration(std::string_view name, std::string_view description, void (*body)(Run&), Kind kind) {
  CHECK_MSG(!find_scenario(name), "two scenarios have one name");
  known().push_back(Scenario{name, description, body, kind});
}

}  // namespace vortex::sim

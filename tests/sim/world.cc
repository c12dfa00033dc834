#include "tests/sim/world.h"

#include <utility>

#include "tests/sim/drive.h"
#include "tests/sim/fabric.h"
#include "tests/sim/openssl_random.h"
#include "tests/sim/process.h"

namespace vortex::sim {

namespace {
thread_local World* t_current = nullptr;
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::clean:
      return "clean";
    case Verdict::safety:
      return "safety violation";
    case Verdict::liveness:
      return "liveness failure";
    case Verdict::crash:
      return "crash";
  }
  return "unknown";
}

struct World::WorldEvent final : Waiter {
  void fire() override {
    action();
    if (period > Duration(0) && !world->stopped_) {
      world->waiters_.arm(*this, world->now_ + period);
    } else {
      world->events_.erase(place);
    }
  }
  World* world = nullptr;
  Duration period{0};
  UniqueFunction<void()> action;
  std::list<WorldEvent>::iterator place;
};

World::World(std::uint64_t seed, WorldOptions options)
    : seed_(seed), options_(options), outer_(t_current), secrets_(seed, "secrets") {
  t_current = this;
  use_simulated_randomness();
  fabric_ = std::make_unique<Fabric>(*this);
}

World::~World() {
  for (auto& machine : machines_) machine->on_exit(nullptr);
  for (auto& machine : machines_) machine->kill();
  fabric_->sweep();
  t_current = outer_;
}

World* World::current() { return t_current; }

Machine& World::add_machine(std::string name) { return add_machine(std::move(name), options_.drive); }

Machine& World::add_machine(std::string name, const DriveOptions& drive) {
  auto number = static_cast<std::uint32_t>(machines_.size() + 1);
  if (name.empty()) name = "m" + std::to_string(number);
  machines_.push_back(std::make_unique<Machine>(*this, number, std::move(name), drive));
  Machine& machine = *machines_.back();
  by_name_.emplace(machine.name(), &machine);
  by_name_.emplace(machine.host(), &machine);
  return machine;
}

Machine* World::find_machine(std::string_view name) {
  auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : at->second;
}

bool World::step() {
  if (stopped_ || waiters_.empty()) return false;
  now_ = std::max(now_, waiters_.next_time());
  waiters_.pop().fire();
  settle();
  return !stopped_;
}

void World::run_for(Duration duration) {
  auto never = [] { return false; };
  run_until(never, duration);
}

void World::poll(Process& process) {
  polling_ = &process;
  process.touched_ = false;
  process.context_.poll();
  polling_ = nullptr;
}

void World::settle() {
  if (polling_ || settling_) return;
  settling_ = true;
  while (!ready_.empty() || !dead_.empty()) {
    // By index: polling makes others ready, too.
    for (std::size_t i = 0; i < ready_.size(); ++i) {
      Process& process = *ready_[i];
      if (!process.dead() && !process.machine().paused()) poll(process);
      process.touched_ = false;
    }
    ready_.clear();
    for (Process* process : std::exchange(dead_, {})) {
      polling_ = process;
      Machine& machine = process->machine();
      machine.bury();
    }
    polling_ = nullptr;
  }
  settling_ = false;
  fabric_->sweep();
}

void World::at(Duration when, UniqueFunction<void()> action) { add_event(when, Duration(0), std::move(action)); }

void World::every(Duration period, UniqueFunction<void()> check) {
  CHECK(period > Duration(0));
  add_event(now_ + period, period, std::move(check));
}

void World::add_event(Duration when, Duration period, UniqueFunction<void()> action) {
  WorldEvent& event = events_.emplace_back();
  event.place = std::prev(events_.end());
  event.world = this;
  event.period = period;
  event.action = std::move(action);
  waiters_.arm(event, std::max(when, now_));
}

void World::violation(Verdict verdict, std::string text) {
  CHECK(verdict != Verdict::clean);
  trace_.add(now_, Happening::violation, 0, text);
  CHECK_MSG(options_.collect_violations, text);
  violations_.push_back(Violation{verdict, now_, std::move(text)});
  stopped_ = true;
}

void World::note(Happening kind, const Machine* machine, std::uint64_t a, std::uint64_t b) {
  trace_.add(now_, kind, machine ? machine->number() : 0, a, b);
}

void World::note(Happening kind, const Machine* machine, std::string_view text) {
  trace_.add(now_, kind, machine ? machine->number() : 0, text);
}

bool World::buggify(const Machine& machine, std::string_view site) {
  if (options_.buggify_sites <= 0) return false;
  auto at = buggify_sites_.find(site);
  if (at == buggify_sites_.end()) {
    Dice site_dice(seed_, "buggify " + std::string(site));
    bool active = site_dice.chance(options_.buggify_sites);
    at = buggify_sites_.emplace(std::string(site), active ? std::optional<Dice>(site_dice) : std::nullopt).first;
  }
  if (!at->second || !at->second->chance(options_.buggify_fires)) return false;
  ++buggified_[std::string(site)];
  note(Happening::buggify, &machine, site);
  return true;
}

Dice& World::secrets() { return polling_ ? polling_->secrets() : secrets_; }

std::string World::whereabouts() const {
  std::string text = "at " + time_text(now_) + " of seed " + std::to_string(seed_);
  if (polling_) text += " on " + polling_->machine().name() + " (process " + std::to_string(polling_->number()) + ")";
  return text;
}

}  // namespace vortex::sim

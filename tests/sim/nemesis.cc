#include "tests/sim/nemesis.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tests/sim/world.h"

namespace vortex::sim {

namespace {
// Faults that are over at once.
bool momentary(std::string_view action) {
  return action == "restart" || action == "reset" || action == "silence" || action == "flip-bits" ||
         action == "wall-jump";
}
}  // namespace

Nemesis::Nemesis(World& world, NemesisOptions options)
    : world_(world), options_(std::move(options)), dice_(world.dice("nemesis")) {
  if (options_.machines.empty())
    for (std::size_t number = 1; number <= world.machines(); ++number)
      options_.machines.push_back(world.machine(number).name());
  const NemesisOptions& o = options_;
  kinds_ = {
      {"kill", o.kill, &Nemesis::one_machine},
      {"power-cut", o.power_cut, &Nemesis::one_machine},
      {"pause", o.pause, &Nemesis::one_machine},
      {"stop", o.stop, &Nemesis::one_machine},
      {"restart", o.restart, &Nemesis::one_machine},
      {"lose-disk", o.lose_disk, &Nemesis::one_machine},
      {"partition", o.partition, &Nemesis::some_machines},
      {"cut", o.cut, &Nemesis::two_machines},
      {"clog", o.clog, &Nemesis::two_machines},
      {"slow-link", o.slow_link, &Nemesis::slow_link},
      {"reset", o.reset, &Nemesis::two_machines},
      {"silence", o.silence, &Nemesis::two_machines},
      {"bad-network", o.bad_network, &Nemesis::bad_network},
      {"disk-slow", o.disk_slow, &Nemesis::slow_disk},
      {"disk-hang", o.disk_hang, &Nemesis::one_machine},
      {"disk-full", o.disk_full, &Nemesis::full_disk},
      {"disk-errors", o.disk_errors, &Nemesis::disk_errors},
      {"disk-broken", o.disk_broken, &Nemesis::one_machine},
      {"flip-bits", o.flip_bits, &Nemesis::flips},
      {"clock-rate", o.clock_rate, &Nemesis::clock_rate},
      {"wall-jump", o.wall_jump, &Nemesis::wall_jump},
  };
}

void Nemesis::begin() {
  began_ = world_.now();
  begin_next();
}

void Nemesis::end() { world_.waiters().disarm(*this); }

const Nemesis::Kind& Nemesis::draw_kind() {
  double sum = 0;
  for (const Kind& kind : kinds_) sum += kind.weight;
  double left = dice_.unit() * sum;
  for (const Kind& kind : kinds_) {
    if (left < kind.weight) return kind;
    left -= kind.weight;
  }
  return kinds_.front();
}

void Nemesis::fire() {
  const Kind& kind = draw_kind();
  Fault fault;
  fault.action = kind.action;
  fault.at = world_.now() - began_;
  if (!momentary(kind.action)) fault.lasts = dice_.between(options_.lasts_min, options_.lasts_max);
  (this->*kind.fill)(fault);
  bool allowed = !takes_down(fault.action) || machines_down() < options_.down_max;
  if (allowed && apply(world_, fault).ok()) done_.faults.push_back(std::move(fault));
  begin_next();
}

void Nemesis::begin_next() {
  world_.waiters().arm(*this, world_.now() + dice_.between(options_.pause_min, options_.pause_max));
}

std::size_t Nemesis::machines_down() const {
  std::size_t down = 0;
  for (const std::string& name : options_.machines) {
    Machine& machine = *world_.find_machine(name);
    if (!machine.running() || machine.paused()) ++down;
  }
  return down;
}

std::string Nemesis::any_machine() { return options_.machines[dice_.below(options_.machines.size())]; }

void Nemesis::one_machine(Fault& fault) { fault.machine = any_machine(); }

void Nemesis::two_machines(Fault& fault) {
  fault.machine = any_machine();
  fault.to = any_machine();
}

void Nemesis::some_machines(Fault& fault) {
  std::vector<std::string> names = options_.machines;
  std::size_t size = 1 + dice_.below(std::max<std::size_t>(names.size() / 2, 1));
  for (std::size_t i = 0; i < size; ++i) std::swap(names[i], names[i + dice_.below(names.size() - i)]);
  names.resize(size);
  fault.group = std::move(names);
}

void Nemesis::slow_link(Fault& fault) {
  two_machines(fault);
  fault.numbers["delay_ms"] = static_cast<double>(dice_.between(1, 2000));
  if (dice_.one_in(2)) fault.numbers["bytes_per_second"] = static_cast<double>(dice_.between(1 << 14, 1 << 22));
}

void Nemesis::bad_network(Fault& fault) {
  fault.numbers["resets"] = dice_.one_in(2) ? 0.001 : 0.02;
  fault.numbers["refusals"] = dice_.one_in(2) ? 0.05 : 0.5;
  fault.numbers["read_splits"] = dice_.one_in(2) ? 0.5 : 1.0;
}

void Nemesis::slow_disk(Fault& fault) {
  one_machine(fault);
  fault.numbers["factor"] = static_cast<double>(dice_.between(2, 200));
}

void Nemesis::full_disk(Fault& fault) {
  one_machine(fault);
  fault.numbers["left_bytes"] = static_cast<double>(dice_.one_in(2) ? 0 : dice_.below(1 << 20));
}

void Nemesis::disk_errors(Fault& fault) {
  one_machine(fault);
  static constexpr const char* kSettings[] = {"read", "write", "sync", "names", "flips"};
  fault.numbers[kSettings[dice_.below(std::size(kSettings))]] = dice_.one_in(2) ? 0.001 : 0.05;
}

void Nemesis::flips(Fault& fault) {
  one_machine(fault);
  fault.numbers["count"] = static_cast<double>(dice_.between(1, 8));
}

void Nemesis::clock_rate(Fault& fault) {
  one_machine(fault);
  double fastest = std::sqrt(options_.clock_ratio_max);
  fault.numbers["rate"] = 1 / fastest + dice_.unit() * (fastest - 1 / fastest);
}

void Nemesis::wall_jump(Fault& fault) {
  one_machine(fault);
  auto size = static_cast<double>(dice_.one_in(2) ? dice_.below(2000) : dice_.below(86'400'000));
  fault.numbers["by_ms"] = dice_.one_in(2) ? size : -size;
}

}  // namespace vortex::sim

#include "tests/sim/fault.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "tests/sim/drive.h"
#include "tests/sim/fabric.h"
#include "tests/sim/world.h"

namespace vortex::sim {

namespace {

enum class Needs : std::uint8_t { nothing, machine, link, group };

// What a fault is about, looked up.
struct Scene {
  World& world;
  const Fault& fault;
  Machine* machine = nullptr;
  Machine* to = nullptr;
  std::vector<Machine*> group, rest;
};

using Deed = void (*)(Scene&);

struct Action {
  std::string_view name;
  Needs needs;
  std::vector<std::string_view> settings;
  Deed begin;
  Deed end = nullptr;
  bool takes_down = false;
};

void start_again(Scene& scene) {
  if (!scene.machine->running()) scene.machine->start();
}
void kill(Scene& scene) { scene.machine->kill(); }
void power_cut(Scene& scene) { scene.machine->power_cut(); }
void lose_disk(Scene& scene) { scene.machine->lose_disk(); }
void restart(Scene& scene) { scene.machine->restart(); }
void stop(Scene& scene) { scene.machine->stop(); }
void pause(Scene& scene) { scene.machine->pause(); }
void resume(Scene& scene) { scene.machine->resume(); }

void partition(Scene& scene) { scene.world.network().partition(scene.group, scene.rest); }
void rejoin(Scene& scene) {
  for (Machine* one : scene.group) {
    for (Machine* other : scene.rest) {
      scene.world.network().heal(*one, *other);
      scene.world.network().heal(*other, *one);
    }
  }
}
void cut(Scene& scene) { scene.world.network().cut(*scene.machine, *scene.to); }
void heal(Scene& scene) { scene.world.network().heal(*scene.machine, *scene.to); }
void clog(Scene& scene) { scene.world.network().clog(*scene.machine, *scene.to); }
void release(Scene& scene) { scene.world.network().release(*scene.machine, *scene.to); }
void slow_link(Scene& scene) {
  auto delay = Duration(std::llround(scene.fault.number("delay_ms", 100) * 1e6));
  auto speed = static_cast<std::uint64_t>(scene.fault.number("bytes_per_second", 0));
  scene.world.network().slow(*scene.machine, *scene.to, delay, speed);
}
void normal_link(Scene& scene) { scene.world.network().slow(*scene.machine, *scene.to, Duration(0), 0); }
void reset(Scene& scene) { scene.world.network().reset(*scene.machine, *scene.to); }
void silence(Scene& scene) { scene.world.network().silence(*scene.machine, *scene.to); }
void heal_all(Scene& scene) { scene.world.network().heal_all(); }
void bad_network(Scene& scene) {
  NetworkOptions& options = scene.world.network().options();
  options.resets = scene.fault.number("resets", options.resets);
  options.refusals = scene.fault.number("refusals", options.refusals);
  options.read_splits = scene.fault.number("read_splits", options.read_splits);
}
void good_network(Scene& scene) { scene.world.network().options() = scene.world.options().network; }

void disk_full(Scene& scene) {
  Drive& drive = scene.machine->drive();
  drive.set_capacity(drive.space().used + static_cast<std::uint64_t>(scene.fault.number("left_bytes", 0)));
}
void disk_roomy(Scene& scene) { scene.machine->drive().set_capacity(scene.machine->drive().options().capacity); }
void disk_slow(Scene& scene) { scene.machine->drive().set_slowness(scene.fault.number("factor", 20)); }
void disk_quick(Scene& scene) { scene.machine->drive().set_slowness(1); }
void disk_hang(Scene& scene) { scene.machine->drive().hang(); }
void disk_release(Scene& scene) { scene.machine->drive().release(); }
void disk_broken(Scene& scene) { scene.machine->drive().set_broken(true); }
void disk_mended(Scene& scene) { scene.machine->drive().set_broken(false); }
void disk_errors(Scene& scene) {
  DriveOptions& options = scene.machine->drive().options();
  options.read_errors = scene.fault.number("read", options.read_errors);
  options.write_errors = scene.fault.number("write", options.write_errors);
  options.sync_errors = scene.fault.number("sync", options.sync_errors);
  options.name_errors = scene.fault.number("names", options.name_errors);
  options.read_flips = scene.fault.number("flips", options.read_flips);
}
void disk_sound(Scene& scene) {
  const DriveOptions& normal = scene.world.options().drive;
  DriveOptions& options = scene.machine->drive().options();
  options.read_errors = normal.read_errors;
  options.write_errors = normal.write_errors;
  options.sync_errors = normal.sync_errors;
  options.name_errors = normal.name_errors;
  options.read_flips = normal.read_flips;
}
std::optional<DiskEffect> parse_effect(std::string_view text) {
  if (text.empty() || text == "io-error") return DiskEffect::io_error;
  if (text == "no-space") return DiskEffect::no_space;
  if (text == "kill") return DiskEffect::kill;
  if (text == "power-cut") return DiskEffect::power_cut;
  return std::nullopt;
}
void disk_call(Scene& scene) {
  DiskFault fault;
  fault.effect = *parse_effect(scene.fault.text("effect"));
  fault.op = parse_disk_op(scene.fault.text("op"));
  fault.path = scene.fault.text("path");
  fault.skip = static_cast<std::uint64_t>(scene.fault.number("skip", 0));
  fault.count = static_cast<std::uint64_t>(scene.fault.number("count", 1));
  scene.machine->drive().fail(std::move(fault));
}
void forget_disk_calls(Scene& scene) { scene.machine->drive().clear_faults(); }
void flip_bits(Scene& scene) {
  Drive& drive = scene.machine->drive();
  std::string path = scene.fault.text("path");
  if (path.empty()) {
    drive.flip_bits(static_cast<std::size_t>(scene.fault.number("count", 1)));
    return;
  }
  auto bit = static_cast<unsigned>(scene.fault.number("bit", 0));
  // A file that is not there, or not that long, has nothing to damage.
  (void)drive.flip_bit(path, static_cast<std::uint64_t>(scene.fault.number("offset", 0)), bit);
}

void clock_rate(Scene& scene) {
  double rate = scene.fault.number("rate", 1);
  scene.machine->set_clock_rate(std::llround(rate * static_cast<double>(MachineClock::kExact)));
}
void clock_true(Scene& scene) { scene.machine->set_clock_rate(MachineClock::kExact); }
void wall_jump(Scene& scene) {
  scene.machine->jump_wall_clock(Duration(std::llround(scene.fault.number("by_ms", 0) * 1e6)));
}

std::span<const Action> actions() {
  static const std::vector<Action> list = {
      {"kill", Needs::machine, {}, kill, start_again, true},
      {"power-cut", Needs::machine, {}, power_cut, start_again, true},
      {"lose-disk", Needs::machine, {}, lose_disk, start_again, true},
      {"stop", Needs::machine, {}, stop, start_again, true},
      {"start", Needs::machine, {}, start_again},
      {"restart", Needs::machine, {}, restart},
      {"pause", Needs::machine, {}, pause, resume, true},
      {"resume", Needs::machine, {}, resume},
      {"partition", Needs::group, {}, partition, rejoin},
      {"cut", Needs::link, {}, cut, heal},
      {"heal", Needs::link, {}, heal},
      {"clog", Needs::link, {}, clog, release},
      {"release", Needs::link, {}, release},
      {"slow-link", Needs::link, {"delay_ms", "bytes_per_second"}, slow_link, normal_link},
      {"reset", Needs::link, {}, reset},
      {"silence", Needs::link, {}, silence},
      {"heal-all", Needs::nothing, {}, heal_all},
      {"bad-network", Needs::nothing, {"resets", "refusals", "read_splits"}, bad_network, good_network},
      {"disk-full", Needs::machine, {"left_bytes"}, disk_full, disk_roomy},
      {"disk-slow", Needs::machine, {"factor"}, disk_slow, disk_quick},
      {"disk-hang", Needs::machine, {}, disk_hang, disk_release},
      {"disk-broken", Needs::machine, {}, disk_broken, disk_mended},
      {"disk-errors", Needs::machine, {"read", "write", "sync", "names", "flips"}, disk_errors, disk_sound},
      {"disk-call", Needs::machine, {"effect", "op", "path", "skip", "count"}, disk_call, forget_disk_calls},
      {"flip-bits", Needs::machine, {"count", "path", "offset", "bit"}, flip_bits},
      {"clock-rate", Needs::machine, {"rate"}, clock_rate, clock_true},
      {"wall-jump", Needs::machine, {"by_ms"}, wall_jump},
  };
  return list;
}

const Action* find_action(std::string_view name) {
  for (const Action& action : actions())
    if (action.name == name) return &action;
  return nullptr;
}

Error wrong(const Fault& fault, std::string text) {
  return Error(Code::invalid_argument, "fault \"" + fault.action + "\": " + std::move(text));
}

Status check_settings(const Action& action, const Fault& fault) {
  auto known = [&action](std::string_view name) {
    return std::find(action.settings.begin(), action.settings.end(), name) != action.settings.end();
  };
  for (const auto& [name, value] : fault.numbers)
    if (!known(name)) return wrong(fault, "no setting \"" + name + "\"");
  for (const auto& [name, value] : fault.texts)
    if (!known(name)) return wrong(fault, "no setting \"" + name + "\"");
  if (!parse_effect(fault.text("effect"))) return wrong(fault, "no effect \"" + fault.text("effect") + "\"");
  std::string op = fault.text("op");
  if (!op.empty() && !parse_disk_op(op)) return wrong(fault, "no disk operation \"" + op + "\"");
  if (fault.number("rate", 1) <= 0) return wrong(fault, "a clock's rate is above zero");
  if (fault.lasts > Duration(0) && !action.end) return wrong(fault, "happens at once and has no duration");
  return Status();
}

Result<Scene> look_up(World& world, const Action& action, const Fault& fault) {
  Scene scene{world, fault, nullptr, nullptr, {}, {}};
  auto find = [&world](const std::string& name, Machine*& into) {
    return (into = world.find_machine(name)) != nullptr;
  };
  if (action.needs == Needs::machine || action.needs == Needs::link)
    if (!find(fault.machine, scene.machine)) return wrong(fault, "no machine \"" + fault.machine + "\"");
  if (action.needs == Needs::link && !find(fault.to, scene.to)) return wrong(fault, "no machine \"" + fault.to + "\"");
  if (scene.to && scene.to == scene.machine) return wrong(fault, "a link has two different ends");
  if (action.needs == Needs::group) {
    if (fault.group.empty()) return wrong(fault, "wants a \"group\" of machines");
    for (const std::string& name : fault.group)
      if (!find(name, scene.group.emplace_back())) return wrong(fault, "no machine \"" + name + "\"");
    for (std::size_t number = 1; number <= world.machines(); ++number) {
      Machine* machine = &world.machine(number);
      if (std::find(scene.group.begin(), scene.group.end(), machine) == scene.group.end())
        scene.rest.push_back(machine);
    }
  }
  return scene;
}

void undo(World& world, const Fault& fault) {
  const Action* action = find_action(fault.action);
  auto scene = look_up(world, *action, fault);
  world.note(Happening::fault, nullptr, "end of " + fault.action + " " + fault.machine);
  action->end(*scene);
}

}  // namespace

double Fault::number(std::string_view name, double otherwise) const {
  auto found = numbers.find(name);
  return found == numbers.end() ? otherwise : found->second;
}

std::string Fault::text(std::string_view name) const {
  auto found = texts.find(name);
  return found == texts.end() ? std::string() : found->second;
}

bool takes_down(std::string_view name) {
  const Action* action = find_action(name);
  return action && action->takes_down;
}

Status check(World& world, const Fault& fault) {
  const Action* action = find_action(fault.action);
  if (!action) return wrong(fault, "no such action");
  RETURN_IF_ERROR(check_settings(*action, fault));
  ASSIGN_OR_RETURN([[maybe_unused]] auto scene, look_up(world, *action, fault));
  return Status();
}

Status apply(World& world, const Fault& fault) {
  RETURN_IF_ERROR(check(world, fault));
  const Action* action = find_action(fault.action);
  ASSIGN_OR_RETURN(auto scene, look_up(world, *action, fault));
  FaultPlan text;
  text.faults.push_back(fault);
  world.note(Happening::fault, nullptr, text.to_json());
  action->begin(scene);
  if (fault.lasts > Duration(0)) {
    auto end = [&world, fault] { undo(world, fault); };
    world.after(fault.lasts, UniqueFunction<void()>(end));
  }
  return Status();
}

Status start(World& world, const FaultPlan& plan) {
  for (const Fault& fault : plan.faults) RETURN_IF_ERROR(check(world, fault));
  for (const Fault& fault : plan.faults) {
    auto begin = [&world, fault] {
      Status applied = apply(world, fault);
      CHECK(applied.ok());
    };
    world.after(fault.at, UniqueFunction<void()>(begin));
  }
  return Status();
}

void recover(World& world) {
  world.note(Happening::fault, nullptr, "recover");
  world.network().heal_all();
  world.network().options() = world.options().network;
  for (std::size_t number = 1; number <= world.machines(); ++number) {
    Machine& machine = world.machine(number);
    Fault fault;
    Scene scene{world, fault, &machine, nullptr, {}, {}};
    for (Deed end : {disk_roomy, disk_quick, disk_release, disk_mended, disk_sound, forget_disk_calls, resume})
      end(scene);
    machine.set_clock_rate(machine.clock().rate());
    start_again(scene);
  }
}

}  // namespace vortex::sim

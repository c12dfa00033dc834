#include "tests/sim/machine.h"

#include <utility>

#include "tests/sim/drive.h"
#include "tests/sim/fabric.h"
#include "tests/sim/process.h"
#include "tests/sim/world.h"

namespace vortex::sim {

Machine::Machine(World& world, std::uint32_t number, std::string name, const DriveOptions& drive)
    : world_(world),
      number_(number),
      name_(std::move(name)),
      dice_(world.dice("machine", number)),
      clock_(dice_, world.options().clock_ratio_max),
      drive_(std::make_unique<Drive>(*this, drive)) {}

Machine::~Machine() = default;

std::string Machine::host() const {
  return "10." + std::to_string(number_ >> 16) + "." + std::to_string(number_ >> 8 & 255) + "." +
         std::to_string(number_ & 255);
}

bool Machine::running() const { return process_ && !process_->dead(); }

std::unique_ptr<Process> Machine::new_process() {
  if (!powered_) {
    powered_ = true;
    world_.network().power_restored(*this);
  }
  paused_ = false;
  stop_requested_ = false;
  fail_stop_reason_.clear();
  world_.note(Happening::started, this, ++processes_);
  return std::make_unique<Process>(*this, processes_);
}

void Machine::start(ProgramFactory factory) {
  factory_ = std::move(factory);
  start();
}

void Machine::start() {
  CHECK_MSG(!running(), name_ + " runs already");
  if (process_) {
    // The old process is dead but still on the stack below us.
    start_again_ = true;
    return;
  }
  process_ = new_process();
  process_->start(factory_ ? factory_(*process_) : nullptr);
  world_.settle();
}

Env& Machine::env() {
  if (!process_) process_ = new_process();
  return *process_;
}

void Machine::spawn(Task<void> task) {
  env();
  process_->spawn(std::move(task));
  process_->touch();
}

Program* Machine::program() { return process_ ? process_->program() : nullptr; }

void Machine::stop() {
  if (!running()) return;
  stop_requested_ = true;
  process_->request_stop();
  world_.settle();
}

void Machine::end_process(End how) {
  if (!running()) return;
  bool power_cut = how == End::power_cut;
  world_.note(how == End::exited ? Happening::exited : power_cut ? Happening::power_cut : Happening::killed, this);
  if (how == End::exited && !stop_requested_) start_later();
  process_->disconnect(power_cut);
  paused_ = false;
  world_.reap(*process_);
}

void Machine::kill() {
  end_process(End::killed);
  world_.settle();
}

void Machine::power_cut() {
  end_process(End::power_cut);
  powered_ = false;
  drive_->power_cut();
  clock_.reboot(world_.now(), dice_);
  world_.settle();
}

void Machine::lose_disk() {
  end_process(End::power_cut);
  powered_ = false;
  drive_->erase();
  clock_.reboot(world_.now(), dice_);
  world_.note(Happening::fault, this, "disk lost");
  world_.settle();
}

void Machine::restart() {
  kill();
  start();
}

void Machine::pause() {
  if (!running() || paused_) return;
  paused_ = true;
  world_.note(Happening::paused, this);
}

void Machine::resume() {
  if (!paused_) return;
  paused_ = false;
  world_.note(Happening::resumed, this);
  process_->resume();
  world_.settle();
}

void Machine::set_clock_rate(std::int64_t millionths) {
  clock_.set_rate(world_.now(), millionths);
  world_.note(Happening::clock, this, static_cast<std::uint64_t>(millionths));
  if (process_) process_->rearm_timers();
}

void Machine::jump_wall_clock(Duration by) {
  clock_.jump_wall(by);
  world_.note(Happening::clock, this, 0, static_cast<std::uint64_t>(by.count()));
}

void Machine::fail_stop(std::string_view reason) {
  world_.note(Happening::fault, this, "fail-stop: " + std::string(reason));
  fail_stop_reason_ = reason;
  end_process(End::killed);
  start_later();
}

void Machine::start_later() {
  if (!restart_delay_) return;
  auto start_now = [this] {
    if (!running() && powered_) start();
  };
  world_.after(*restart_delay_, UniqueFunction<void()>(start_now));
}

void Machine::bury() {
  std::unique_ptr<Process> process = std::move(process_);
  if (!process->unwind()) {
    std::string text = name_ + ": " + std::to_string(process->tasks()) + " tasks and " +
                       std::to_string(process->loop().parked()) + " waits ignore that their process died";
    bury_alive(std::move(process));
    world_.violation(Verdict::crash, text);
  }
  process.reset();
  if (on_exit_) on_exit_();
  if (std::exchange(start_again_, false) && !process_) start();
}

}  // namespace vortex::sim

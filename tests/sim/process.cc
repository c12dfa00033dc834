#include "tests/sim/process.h"

#include "tests/sim/drive.h"
#include "tests/sim/world.h"

namespace vortex::sim {

namespace {
// A dead process that still has something to do after so many steps does not mean to end.
constexpr std::size_t kUnwindSteps = 1'000'000;

class Body final : public Program {
 public:
  Body(Env& env, const std::function<Task<void>(Env&)>& body) : env_(env), body_(body) {}
  Task<void> run() override { return body_(env_); }

 private:
  Env& env_;
  std::function<Task<void>(Env&)> body_;  // owns what the coroutine's lambda captured
};
}  // namespace

ProgramFactory program(std::function<Task<void>(Env&)> body) {
  return [body](Env& env) -> std::unique_ptr<Program> { return std::make_unique<Body>(env, body); };
}

Process::Process(Machine& machine, std::uint64_t number)
    : machine_(machine),
      world_(machine.world()),
      number_(number),
      context_(ASIO_CONCURRENCY_HINT_UNSAFE),
      work_(context_.get_executor()),
      loop_(context_),
      clock_(*this),
      random_(world_.seed(), "process " + machine.name(), number),
      secrets_(world_.seed(), "secrets " + machine.name(), number),
      pool_(*this),
      network_(*this),
      disk_(*this),
      log_(clock_, *this, world_.options().log_level),
      tasks_(loop_) {}

Process::~Process() = default;

bool Process::buggify(const char* site) { return !dead_ && world_.buggify(machine_, site); }

void Process::fail_stop(std::string_view reason) {
  if (!dead_) machine_.fail_stop(reason);
}

Task<void> Process::live() {
  co_await program_->run();
  machine_.end_process(Machine::End::exited);
}

void Process::start(std::unique_ptr<Program> program) {
  program_ = std::move(program);
  if (program_) tasks_.spawn(live());
  touch();
}

void Process::request_stop() {
  if (program_) {
    tasks_.spawn(program_->stop());
    touch();
  } else {
    machine_.end_process(Machine::End::exited);
  }
}

void Process::touch() {
  if (touched_ || dead_) return;
  touched_ = true;
  world_.ready(*this);
}

void Process::resume() {
  clock_.resume();
  pool_.resume();
  touch();
}

void Process::disconnect(bool power_cut) {
  dead_ = true;
  clock_.disconnect();
  machine_.drive().abandon_calls(power_cut);
  network_.disconnect(power_cut);
  pool_.disconnect();
}

bool Process::unwind() {
  tasks_.cancel();
  for (std::size_t steps = 0; steps < kUnwindSteps; ++steps) {
    if (context_.poll_one() > 0) continue;
    if (tasks_.size() > 0) return false;
    program_.reset();
    // Its destructors may have left something in the queue.
    if (context_.poll_one() == 0) return loop_.parked() == 0;
  }
  return false;
}

Process::Usage Process::usage() const {
  Usage usage;
  usage.connections = network_.connections();
  usage.timers = clock_.timers();
  usage.waits = loop_.parked();
  usage.jobs = pool_.jobs();
  return usage;
}

std::string Process::Usage::to_string() const {
  return std::to_string(connections) + " connections, " + std::to_string(timers) + " timers, " + std::to_string(waits) +
         " waiting coroutines, " + std::to_string(jobs) + " jobs";
}

Task<void> Process::yield() {
  Parking parking(loop_);
  auto wake = [&parking] { parking.wake(); };
  asio::post(context_, wake);
  co_await parking.park_uncancellable();
}

void Process::write(const LogRecord& record) {
  std::string text(to_string(record.level));
  text.append(" ").append(record.area).append(": ").append(record.message);
  std::string line = world_.trace().wanted() ? log_text_line(record) : std::string();
  world_.trace().add(world_.now(), Happening::log, machine_.number(), text, line);
}

void bury_alive(std::unique_ptr<Process> process) {
  static auto& graveyard = *new std::vector<std::unique_ptr<Process>>();
  graveyard.push_back(std::move(process));
}

}  // namespace vortex::sim
